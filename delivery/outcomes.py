"""From what SQL says became of messages to the events that tell everybody else."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from delivery import kinds
from delivery.states import Outcome
from subscribers.events import NewEvent

_KINDS = {
    Outcome.SENT.value: kinds.MESSAGE_SENT,
    Outcome.SKIPPED.value: kinds.MESSAGE_SKIPPED,
    Outcome.FAILED.value: kinds.MESSAGE_FAILED,
}


def of_finished(
    rows: Iterable[tuple[Any, ...]], *, suppress: Set[int] = frozenset()
) -> list[NewEvent]:
    """Events for the rows that `finish.sql` returns; `suppress`: whose address is no good."""
    return [
        _event(
            row[:8],
            _KINDS[outcome],
            {"reason": reason, "suppress": row[0] in suppress} if reason else {},
        )
        for *row, outcome, reason in rows
    ]


def of_doubtful(rows: Iterable[tuple[Any, ...]]) -> list[NewEvent]:
    """Events for the rows that `doubt.sql` and `reap.sql` return, but those merely due again."""
    return [_event(row, kinds.MESSAGE_IN_DOUBT, {}) for row in rows if row[-1] is not None]


def _event(row: Any, kind: str, properties: dict[str, Any]) -> NewEvent:
    message_id, workspace_id, subscriber_id, source_kind, source_id, step_key, variant, at = row
    return NewEvent(
        workspace_id,
        subscriber_id,
        kind,
        at,
        source_kind,
        source_id,
        step_key,
        variant,
        message_id,
        properties=properties,
    )
