"""Consumers of the event log: each has a named cursor, and effects commit together with it.

A batch is read in one transaction with its effects, so it happens exactly once however often a
worker dies. Events come in the order in which their transactions first wrote, not in which they
committed: an event is a hint, and a consumer reads current state before it acts.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.db import OperationalError, connection, transaction

from emailseq.lib import clock, sql
from subscribers.models import Cursor

BATCH = 1000
PARKED_FOR = timedelta(seconds=30)
_MAX_ID = 2**63 - 1

log = structlog.get_logger(__name__)


class LoggedEvent(NamedTuple):
    """An event as consumers get it."""

    id: int
    xid: int
    workspace_id: int
    subscriber_id: int | None
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    source_kind: str
    source_id: int
    step_key: str
    variant: str
    message_id: int | None
    verdict: str
    properties: dict[str, Any]


Handler = Callable[[Sequence[LoggedEvent]], None]


class Consumer(NamedTuple):
    """A reader of the log: which kinds it wants, and what it does with a batch of them."""

    name: str
    kinds: tuple[str, ...]
    handle: Handler


consumers: dict[str, Consumer] = {}


def consumer(name: str, *, kinds: Sequence[str]) -> Callable[[Handler], Handler]:
    """Register a function as the consumer `name` of the events of `kinds`."""

    def register(handle: Handler) -> Handler:
        consumers[name] = Consumer(name, tuple(kinds), handle)
        return handle

    return register


def run(name: str, *, batches: int = 10) -> int:
    """Feed up to `batches` batches to a consumer; returns how many events it has handled.

    Whoever holds the cursor already goes on; this call then does nothing.
    """
    handled = 0
    for _ in range(batches):
        count = _run_batch(consumers[name], BATCH)
        handled += count
        if count < BATCH:
            break
    return handled


def _run_batch(reader: Consumer, limit: int) -> int:
    """Handle one batch. When it fails, halve it until the event that is to blame stands alone."""
    try:
        return _handle_batch(reader, limit)
    except OperationalError:
        raise  # deadlocks, timeouts and lost connections blame no event: the next tick retries
    except Exception as error:  # noqa: BLE001 - one bad event must not take its neighbours along
        if limit == 1:
            return _park(reader, error)
        return _run_batch(reader, limit // 2)


@transaction.atomic
def _handle_batch(reader: Consumer, limit: int) -> int:
    cursor = _lock(reader)
    if cursor is None or (cursor.parked_at and clock.now() - cursor.parked_at < PARKED_FOR):
        return 0
    events, horizon = _read(reader, cursor, limit)
    if events:
        reader.handle(events)
    if len(events) == limit:
        place = events[-1].xid, events[-1].id
    else:  # nothing else lies before the horizon, so rare kinds need not be looked for again
        place = max((horizon - 1, _MAX_ID), (cursor.xid, cursor.event_id))
    Cursor.objects.filter(name=reader.name).update(
        xid=place[0],
        event_id=place[1],
        moved_at=clock.now(),
        parked_event_id=None,
        parked_at=None,
        parked_reason="",
    )
    return len(events)


def _lock(reader: Consumer) -> Cursor | None:
    Cursor.objects.bulk_create([Cursor(name=reader.name)], ignore_conflicts=True)
    return Cursor.objects.select_for_update(skip_locked=True).filter(name=reader.name).first()


def _read(reader: Consumer, cursor: Cursor, limit: int) -> tuple[list[LoggedEvent], int]:
    with connection.cursor() as database:
        database.execute(
            sql.load("subscribers", "read_events"),
            {
                "xid": cursor.xid,
                "event_id": cursor.event_id,
                "kinds": list(reader.kinds),
                "limit": limit,
            },
        )
        rows = database.fetchall()
    horizon: int = rows[0][-1]
    return [_event(row) for row in rows if row[0] is not None], horizon


def _event(row: tuple[Any, ...]) -> LoggedEvent:
    *columns, properties, _ = row
    return LoggedEvent._make((*columns, json.loads(properties)))


@transaction.atomic
def _park(reader: Consumer, error: Exception) -> int:
    """Leave the cursor before the event that cannot be handled, and say which one it is."""
    cursor = _lock(reader)
    if cursor is None:
        return 0
    events, _ = _read(reader, cursor, 1)
    if events:
        reason = "".join(traceback.format_exception(error))
        Cursor.objects.filter(name=reader.name).update(
            parked_event_id=events[0].id, parked_at=clock.now(), parked_reason=reason[-4000:]
        )
        log.error("consumer_parked", consumer=reader.name, event=events[0].id, error=repr(error))
    return 0
