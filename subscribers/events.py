"""The event log's one way in. What happened is recorded in the transaction that made it happen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from emailseq.lib import clock, sql
from subscribers.models import Subscriber


class NewEvent(NamedTuple):
    """A fact to be recorded. `source_*` and `step_key` say which campaign or sequence it is of.

    `name` and `late` are of custom events alone. A time may be as PostgreSQL has written it.
    """

    workspace_id: int
    subscriber_id: int | None
    kind: str
    occurred_at: datetime | str
    source_kind: str = ""
    source_id: int = 0
    step_key: str = ""
    variant: str = ""
    message_id: int | None = None
    verdict: str = ""
    properties: Mapping[str, Any] | None = None
    name: str = ""
    late: bool = False


STATEMENT = sql.load("subscribers", "record_events")


def record_many(events: Iterable[NewEvent]) -> int:
    """Append the events; they become visible with the caller's transaction. How many they were."""
    rows = list(events)
    if rows:
        sql.run("subscribers", "record_events", parameters(rows))
    return len(rows)


def record(person: Subscriber, kind: str, **properties: Any) -> None:
    """Append one fact about a person, as of now."""
    fact = NewEvent(person.workspace_id, person.pk, kind, clock.now(), properties=properties)
    record_many([fact])


def parameters(rows: list[NewEvent]) -> dict[str, Any]:
    """What STATEMENT takes, for a caller that holds a connection of its own."""
    columns = sql.columns(NewEvent._fields, rows)
    columns["properties"] = [json.dumps(each) if each else "{}" for each in columns["properties"]]
    return {**sql.packed(columns), "held_at": clock.held_at()}
