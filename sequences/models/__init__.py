from __future__ import annotations

from sequences.models.enrollment import Enrollment
from sequences.models.sequence import Sequence, SequenceVersion, Step, Trigger

__all__ = ["Enrollment", "Sequence", "SequenceVersion", "Step", "Trigger"]
