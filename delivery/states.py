from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SourceKind(models.TextChoices):
    CAMPAIGN = "campaign", _("Campaign")
    SEQUENCE = "sequence", _("Sequence")


class MessageClass(models.TextChoices):
    MARKETING = "marketing", _("Marketing")
    TRANSACTIONAL = "transactional", _("Transactional")


class Outcome(models.TextChoices):
    """What became of a message; `in doubt` is the outbox row that nobody can finish yet."""

    SENT = "sent", _("Sent")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Failed")


class HitKind(models.TextChoices):
    OPEN = "open", _("Opened")
    CLICK = "click", _("Clicked")


class Verdict(models.TextChoices):
    HUMAN = "human", _("Human")
    MACHINE = "machine", _("Machine")
