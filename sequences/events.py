"""What sequences write to the event log; the caller's transaction makes it visible."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from accounts import audit
from accounts.audit import Actor
from delivery.states import SourceKind
from emailseq.lib import clock
from sequences.models import Sequence
from subscribers import events
from subscribers.events import NewEvent


class Run(Protocol):
    """An enrollment, as a model or as a row of a statement."""

    @property
    def workspace_id(self) -> int: ...
    @property
    def subscriber_id(self) -> int: ...
    @property
    def sequence_id(self) -> int: ...
    @property
    def run(self) -> int: ...


def of_run(run: Run, kind: str, *, at: datetime, step_key: str = "", reason: str = "") -> NewEvent:
    """An event of one run, for `record_many`."""
    return NewEvent(
        run.workspace_id,
        run.subscriber_id,
        kind,
        at,
        SourceKind.SEQUENCE,
        run.sequence_id,
        step_key,
        properties={"run": run.run, "reason": reason} if reason else {"run": run.run},
    )


def record(sequence: Sequence, kind: str, *, by: Actor, **details: Any) -> None:
    """Write what a person did with a whole sequence to the log and to the audit trail."""
    event = NewEvent(
        sequence.workspace_id,
        None,
        kind,
        clock.now(),
        SourceKind.SEQUENCE,
        sequence.pk,
        properties={"by": by.kind, **details},
    )
    events.record_many([event])
    audit.record(sequence.workspace_id, kind, by=by, on=sequence, changes=details)
