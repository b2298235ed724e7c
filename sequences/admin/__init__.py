"""Sequences in the back office: a list, a page that reads from top to bottom, versions, runs."""

from __future__ import annotations

from sequences.admin.enrollments import EnrollmentAdmin
from sequences.admin.sequences import SequenceAdmin
from sequences.admin.steps import StepAdmin
from sequences.admin.versions import VersionAdmin

__all__ = ["EnrollmentAdmin", "SequenceAdmin", "StepAdmin", "VersionAdmin"]
