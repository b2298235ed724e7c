"""From what SQL says became of messages to the events that tell everybody else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from delivery.states import Failure
from subscribers.events import NewEvent

_NONE: Mapping[int, Failure] = {}


def news(
    rows: Iterable[tuple[Any, ...]], *, failures: Mapping[int, Failure] = _NONE
) -> list[NewEvent]:
    """Events for the rows that `finish.sql`, `put_back.sql`, `doubt.sql`, `reap.sql` and
    `sweep_cancelled.sql` return; none for those merely due again.

    `failures` say of messages, by id, what speaks against their source.
    """
    return [
        NewEvent(
            workspace_id,
            subscriber_id,
            f"message.{what}",  # as `delivery.kinds` has it
            at,
            *(source_kind, source_id, step_key, variant),
            message_id,
            str(failures.get(message_id, "")),
            _properties(why, suppress=failures.get(message_id) == Failure.HARD),
        )
        for message_id, workspace_id, subscriber_id, *source, at, what, why in rows
        for source_kind, source_id, step_key, variant in [source]
        if what is not None
    ]


def _properties(why: str, *, suppress: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {"reason": why} if why else {}
    return properties | {"suppress": True} if suppress else properties
