from __future__ import annotations

from sequences.models.backfill import Backfill
from sequences.models.enrollment import Enrollment, EnrollmentQuerySet
from sequences.models.resumption import Resumption
from sequences.models.sequence import Sequence, SequenceQuerySet
from sequences.models.step import Step, StepVariant
from sequences.models.trial import Trial
from sequences.models.trigger import Ending, Trigger
from sequences.models.version import EarlierDraft, SequenceVersion, Transfer

__all__ = [
    "Backfill",
    "EarlierDraft",
    "Ending",
    "Enrollment",
    "EnrollmentQuerySet",
    "Resumption",
    "Sequence",
    "SequenceQuerySet",
    "SequenceVersion",
    "Step",
    "StepVariant",
    "Transfer",
    "Trial",
    "Trigger",
]
