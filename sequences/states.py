from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from emailseq.lib.state import Move


class SequenceState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    LIVE = "live", _("Live")
    PAUSED = "paused", _("Paused")
    ARCHIVED = "archived", _("Archived")


# Sequences that take people in. Who joins while one is paused gets a place, and nothing moves.
OPEN = (SequenceState.LIVE, SequenceState.PAUSED)

SEQUENCE_MOVES = {
    "publish": Move((SequenceState.DRAFT,), SequenceState.LIVE),
    "pause": Move((SequenceState.LIVE,), SequenceState.PAUSED),
    "resume": Move((SequenceState.PAUSED,), SequenceState.LIVE),
    "archive": Move(
        (SequenceState.DRAFT, SequenceState.LIVE, SequenceState.PAUSED), SequenceState.ARCHIVED
    ),
}


class EnrollmentState(models.TextChoices):
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    COMPLETED = "completed", _("Completed")
    EXITED = "exited", _("Left early")
    FAILED = "failed", _("Failed")
    HELD_OUT = "held_out", _("Held out, to compare")


LIVE_RUN = (EnrollmentState.ACTIVE, EnrollmentState.PAUSED)

ENROLLMENT_MOVES = {
    "pause": Move((EnrollmentState.ACTIVE,), EnrollmentState.PAUSED),
    "resume": Move((EnrollmentState.PAUSED,), EnrollmentState.ACTIVE),
    "exit": Move(LIVE_RUN, EnrollmentState.EXITED),
}


class StepKind(models.TextChoices):
    EMAIL = "email", _("Send an email")
    WAIT = "wait", _("Wait")
    WAIT_UNTIL = "wait_until", _("Wait until something happens")
    BRANCH = "branch", _("Branch")
    SPLIT = "split", _("Split by chance")
    ACTION = "action", _("Do something")
    EXIT = "exit", _("End here")


# Steps that own arms, and the reserved key of the arm that stands last in them, if they have one.
LAST_ARM: dict[str, str] = {
    StepKind.WAIT_UNTIL: "timeout",
    StepKind.BRANCH: "else",
    StepKind.SPLIT: "",
}


class TriggerKind(models.TextChoices):
    LIST_JOINED = "list_joined", _("Somebody joins a list")
    TAG_ADDED = "tag_added", _("Somebody gets a tag")
    SEGMENT_ENTERED = "segment_entered", _("Somebody comes into a segment")
    EVENT = "event", _("Something happens to somebody")
    FIELD_CHANGED = "field_changed", _("A field of somebody changes")
    DATE = "date", _("A date of somebody comes")


class EndingKind(models.TextChoices):
    GOAL = "goal", _("Goal")
    EXIT = "exit", _("Exit")


class ReEntry(models.TextChoices):
    NEVER = "never", _("Never again")
    COOLDOWN = "cooldown", _("Again some time after it ended")
    ALWAYS = "always", _("Again after it ended")


class Fate(models.TextChoices):
    """What becomes of the people inside when a new version is published."""

    STAY = "stay", _("Stay on their version")
    MOVE = "move", _("Move to the new version")
    EXIT = "exit", _("Leave the sequence")


class BackfillState(models.TextChoices):
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")


BACKFILL_MOVES = {
    "finish": Move((BackfillState.RUNNING,), BackfillState.FINISHED),
    "cancel": Move((BackfillState.RUNNING,), BackfillState.CANCELLED),
}


class Overdue(models.TextChoices):
    """What becomes of what became due while a sequence was paused."""

    LATE = "late", _("Happens now")
    SKIP = "skip", _("What is too old is skipped")
    SHIFT = "shift", _("All waits are longer by the pause")
    SPREAD = "spread", _("Happens bit by bit")
