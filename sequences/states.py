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


LIVE_RUN = (EnrollmentState.ACTIVE, EnrollmentState.PAUSED)

ENROLLMENT_MOVES = {
    "pause": Move((EnrollmentState.ACTIVE,), EnrollmentState.PAUSED),
    "resume": Move((EnrollmentState.PAUSED,), EnrollmentState.ACTIVE),
    "exit": Move(LIVE_RUN, EnrollmentState.EXITED),
}


class StepKind(models.TextChoices):
    EMAIL = "email", _("Send an email")
    WAIT = "wait", _("Wait")


class ReEntry(models.TextChoices):
    NEVER = "never", _("Never again")
    ALWAYS = "always", _("Again after it ended")
