from __future__ import annotations

from sequences.models.enrollment import Enrollment, EnrollmentQuerySet
from sequences.models.sequence import Sequence, SequenceQuerySet, SequenceVersion, Step

__all__ = [
    "Enrollment",
    "EnrollmentQuerySet",
    "Sequence",
    "SequenceQuerySet",
    "SequenceVersion",
    "Step",
]
