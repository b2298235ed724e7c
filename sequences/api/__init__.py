from __future__ import annotations

from sequences.api.as_code import Exports, Imports
from sequences.api.backfills import Backfills
from sequences.api.drafts import Drafts
from sequences.api.enrollments import Enrollments, SubscriberEnrollments
from sequences.api.insight import Explanations, Forecasts, Outlooks, RunLogs
from sequences.api.people import People
from sequences.api.sequences import Sequences
from sequences.api.simulations import Simulations
from sequences.api.specimens import SequenceTests
from sequences.api.steps import Steps
from sequences.api.trials import Trials
from sequences.api.versions import Versions

__all__ = [
    "Backfills",
    "Drafts",
    "Enrollments",
    "Explanations",
    "Exports",
    "Forecasts",
    "Imports",
    "Outlooks",
    "People",
    "RunLogs",
    "SequenceTests",
    "Sequences",
    "Simulations",
    "Steps",
    "SubscriberEnrollments",
    "Trials",
    "Versions",
]
