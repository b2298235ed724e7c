from __future__ import annotations

from sequences.models.enrollment import Enrollment, EnrollmentQuerySet
from sequences.models.sequence import Sequence, SequenceQuerySet
from sequences.models.step import Step, StepVariant
from sequences.models.trigger import Ending, Trigger
from sequences.models.version import EarlierDraft, SequenceVersion, Transfer

__all__ = [
    "EarlierDraft",
    "Ending",
    "Enrollment",
    "EnrollmentQuerySet",
    "Sequence",
    "SequenceQuerySet",
    "SequenceVersion",
    "Step",
    "StepVariant",
    "Transfer",
    "Trigger",
]
