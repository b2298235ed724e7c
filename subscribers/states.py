from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from emailseq.lib.state import Move


class SubscriptionState(models.TextChoices):
    PENDING = "pending", _("Pending")
    CONFIRMED = "confirmed", _("Confirmed")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")


SUBSCRIPTION_MOVES = {
    "confirm": Move((SubscriptionState.PENDING,), SubscriptionState.CONFIRMED),
    "unsubscribe": Move(
        (SubscriptionState.PENDING, SubscriptionState.CONFIRMED), SubscriptionState.UNSUBSCRIBED
    ),
    # Somebody says that they want to come back; nothing but a yes of their own makes it so.
    "return": Move((SubscriptionState.UNSUBSCRIBED,), SubscriptionState.PENDING),
}


class ImportKind(models.TextChoices):
    PEOPLE = "people", _("People for a list")
    SUPPRESSIONS = "suppressions", _("Addresses that must not be sent to")


class ImportState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


_BEFORE = (ImportState.DRAFT, ImportState.CHECKED)
IMPORT_MOVES = {
    "change": Move(_BEFORE, ImportState.DRAFT),  # what was checked was something else
    "check": Move(_BEFORE, ImportState.CHECKING),
    "report": Move((ImportState.CHECKING,), ImportState.CHECKED),
    "send_back": Move((ImportState.CHECKING,), ImportState.DRAFT),
    "start": Move(_BEFORE, ImportState.RUNNING),
    "finish": Move((ImportState.RUNNING,), ImportState.FINISHED),
    "fail": Move((ImportState.RUNNING,), ImportState.FAILED),
    "resume": Move((ImportState.FAILED,), ImportState.RUNNING),
    "cancel": Move(
        (*_BEFORE, ImportState.CHECKING, ImportState.RUNNING, ImportState.FAILED),
        ImportState.CANCELLED,
    ),
    "undo": Move(
        (ImportState.FINISHED, ImportState.FAILED, ImportState.CANCELLED), ImportState.UNDOING
    ),
    "end_undo": Move((ImportState.UNDOING,), ImportState.UNDONE),
}


class SegmentKind(models.TextChoices):
    DYNAMIC = "dynamic", _("Dynamic")
    FROZEN = "frozen", _("Frozen")


class SegmentState(models.TextChoices):
    """A refresh that would lose many members asks first."""

    BUILDING = "building", _("Being built")
    READY = "ready", _("Ready")
    ASKING = "asking", _("Asks before many leave")


SEGMENT_MOVES = {
    "rebuild": Move(tuple(SegmentState.values), SegmentState.BUILDING),
    "settle": Move(tuple(SegmentState.values), SegmentState.READY),
    "ask": Move((SegmentState.READY, SegmentState.ASKING), SegmentState.ASKING),
    "confirm": Move((SegmentState.ASKING,), SegmentState.READY),
}


class OptIn(models.TextChoices):
    SINGLE = "single", _("Single opt-in")
    DOUBLE = "double", _("Double opt-in")


class ConsentState(models.TextChoices):
    """What a line of the consent ledger tells: a place as it is from then on, or that it is gone.

    Values as those of `SubscriptionState`.
    """

    PENDING = "pending", _("Asked to join")
    CONFIRMED = "confirmed", _("Agreed")
    UNSUBSCRIBED = "unsubscribed", _("Withdrew")
    REMOVED = "removed", _("Was taken off: an import was undone, or two people were one")


class Frequency(models.TextChoices):
    """How often somebody wants marketing at most, from all sources together."""

    ALL = "all", _("All messages")
    WEEKLY = "weekly", _("At most one a week")
    MONTHLY = "monthly", _("At most one a month")


class FieldKind(models.TextChoices):
    TEXT = "text", _("Text")
    NUMBER = "number", _("Number")
    BOOLEAN = "boolean", _("Yes or no")
    DATE = "date", _("Date")
    DATETIME = "datetime", _("Date and time")
    CHOICE = "choice", _("Choice")


class SuppressionReason(models.TextChoices):
    """From the weakest to the strongest: a stronger one takes the place of a weaker."""

    MANUAL = "manual", _("Added by hand")
    SOFT_BOUNCE = "soft_bounce", _("Soft bounces, again and again")
    HARD_BOUNCE = "hard_bounce", _("Hard bounce")
    COMPLAINT = "complaint", _("Complaint")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed from everything")
