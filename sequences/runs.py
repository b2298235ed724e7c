"""What a run is while the engine is at it: rows without models, for thousands at a time."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sequences import program
from sequences.models import SequenceVersion
from sequences.program import Program


class Run(NamedTuple):
    """An enrollment, as `claim.sql` returns it."""

    id: int
    workspace_id: int
    sequence_id: int
    version_id: int
    subscriber_id: int
    run: int
    position: str
    entered_step_at: datetime
    started_at: datetime
    hops: int
    skips: bool


@lru_cache(maxsize=1000)
def program_of(version_id: int) -> Program:
    """A version never changes, so it is read once per process. Raises for one that is rotten."""
    frozen = SequenceVersion.objects.values_list("program", flat=True).get(pk=version_id)
    return program.load(frozen)
