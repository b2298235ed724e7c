from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from delivery.brakes import State
from emailseq.lib.state import Move


class SourceKind(models.TextChoices):
    CAMPAIGN = "campaign", _("Campaign")
    SEQUENCE = "sequence", _("Sequence")


class MessageClass(models.TextChoices):
    MARKETING = "marketing", _("Marketing")
    TRANSACTIONAL = "transactional", _("Transactional")


class Priority(models.IntegerChoices):
    """Whose turn it is where there is not room for all: the lowest first, but none is left out."""

    TRANSACTIONAL = 0, _("Transactional")
    SEQUENCE = 1, _("Sequence")
    CAMPAIGN = 2, _("Campaign")


class LaneState(models.TextChoices):
    """`delivery.brakes` moves them."""

    OPEN = State.OPEN.value, _("Open")
    RESTING = State.RESTING.value, _("Resting")
    PROBING = State.PROBING.value, _("Trying one message")
    PAUSED = State.PAUSED.value, _("Paused")


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


class EndpointState(models.TextChoices):
    ENABLED = "enabled", _("Enabled")
    DISABLED = "disabled", _("Disabled")


ENDPOINT_MOVES = {
    "disable": Move((EndpointState.ENABLED,), EndpointState.DISABLED),
    "enable": Move((EndpointState.DISABLED,), EndpointState.ENABLED),
}


class CallState(models.TextChoices):
    """Of a webhook call; `replay` starts it anew, with the same id and body."""

    QUEUED = "queued", _("Queued")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


CALL_MOVES = {
    "deliver": Move((CallState.QUEUED,), CallState.DELIVERED),
    "fail": Move((CallState.QUEUED,), CallState.FAILED),
    "replay": Move((CallState.DELIVERED, CallState.FAILED), CallState.QUEUED),
}
