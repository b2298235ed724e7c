"""What sequences write to the event log; the caller's transaction makes it visible."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from delivery.states import SourceKind
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
    @property
    def version_id(self) -> int: ...


def of_run(
    run: Run,
    kind: str,
    *,
    at: datetime,
    step_key: str = "",
    reason: str = "",
    arm: str = "",
    verdict: str = "",
) -> NewEvent:
    """An event of one run, for `record_many`; `step_key` may be a position."""
    properties: dict[str, Any] = {"run": run.run, "version_id": run.version_id}
    if reason:
        properties["reason"] = reason
    if arm:
        properties["arm"] = arm
    return NewEvent(
        run.workspace_id,
        run.subscriber_id,
        kind,
        at,
        SourceKind.SEQUENCE,
        run.sequence_id,
        step_key.partition("/")[0],
        verdict=verdict,
        properties=properties,
    )
