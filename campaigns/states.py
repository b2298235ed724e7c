from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from emailseq.lib.state import Move


class CampaignState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SCHEDULED = "scheduled", _("Scheduled")
    SENDING = "sending", _("Sending")
    PAUSED = "paused", _("Paused")
    SENT = "sent", _("Sent")
    CANCELLED = "cancelled", _("Cancelled")


CAMPAIGN_MOVES = {
    "update": Move((CampaignState.DRAFT,), CampaignState.DRAFT),
    "schedule": Move((CampaignState.DRAFT, CampaignState.SCHEDULED), CampaignState.SCHEDULED),
    "unschedule": Move((CampaignState.SCHEDULED,), CampaignState.DRAFT),
    "send": Move((CampaignState.DRAFT, CampaignState.SCHEDULED), CampaignState.SENDING),
    "pause": Move((CampaignState.SENDING,), CampaignState.PAUSED),
    "resume": Move((CampaignState.PAUSED,), CampaignState.SENDING),
    "cancel": Move((CampaignState.SENDING, CampaignState.PAUSED), CampaignState.CANCELLED),
}
FINISH = Move((CampaignState.SENDING,), CampaignState.SENT)  # the engine's, not a verb of people


class Metric(models.TextChoices):
    """By what an A/B test is judged; clicks of people, not of machines."""

    CLICK = "click", _("Clicks")
    GOAL = "goal", _("How many reach a goal")
    REVENUE = "revenue", _("What people spend")


class Otherwise(models.TextChoices):
    """What becomes of the rest of the audience if no variant is better."""

    ASK = "ask", _("Ask which one to send")
    FIRST = "first", _("Send the first one")


class Ignored(models.TextChoices):
    """Who gets a campaign a second time; a click tells of an open that was not seen."""

    NOT_OPENED = "not_opened", _("Who has not opened it")
    NOT_CLICKED = "not_clicked", _("Who has not clicked in it")


class Every(models.TextChoices):
    """How often a copy of a recurring campaign is sent."""

    DAY = "day", _("Every day")
    WEEK = "week", _("Every week")
    MONTH = "month", _("Every month")
