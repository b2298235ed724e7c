"""Consumers of the event log: each has a named cursor, and effects commit together with it.

A batch is read in one transaction with its effects, so it happens exactly once however often a
worker dies. Events come in the order in which their transactions first wrote, not in which they
committed: an event is a hint, and a consumer reads current state before it acts.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import takewhile
from operator import itemgetter
from typing import Any, NamedTuple

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from emailseq.lib import clock, sql
from subscribers.models import Cursor, Event

BATCH = 1000
PARKED_FOR = timedelta(seconds=30)
_FIELDS = [field.attname for field in Event._meta.concrete_fields]
_MAX_ID = 2**63 - 1

log = structlog.get_logger(__name__)


Handler = Callable[[Sequence[Event]], None]


class Consumer(NamedTuple):
    """A reader of the log: which kinds it wants (none named: all), and what it does with them.

    What was recorded less than `after` ago waits, for what may still be told of the same time.
    """

    name: str
    kinds: tuple[str, ...]
    handle: Handler
    after: timedelta = timedelta()


consumers: dict[str, Consumer] = {}


def consumer(
    name: str, *, kinds: Sequence[str] = (), after: timedelta = timedelta()
) -> Callable[[Handler], Handler]:
    """Register a function as the consumer `name` of the events of `kinds`, or of all events.

    Two of one name would take each other's place: ValueError.
    """

    def register(handle: Handler) -> Handler:
        if name in consumers:
            raise ValueError(f"There are two consumers “{name}”.")
        consumers[name] = Consumer(name, tuple(kinds), handle, after)
        return handle

    return register


def run(name: str, *, batches: int = 10) -> int:
    """Feed up to `batches` batches to a consumer; returns how many events it has handled.

    Whoever holds the cursor already goes on; this call then does nothing.
    """
    Cursor.objects.get_or_create(name=name)
    handled = 0
    for _ in range(batches):
        count = _run_batch(consumers[name])
        handled += count
        if count < BATCH:
            break
    return handled


@transaction.atomic
def skip(name: str) -> None:
    """Move a consumer's cursor to this transaction: what was begun before it has no effect."""
    Cursor.objects.get_or_create(name=name)
    cursor = Cursor.objects.select_for_update().get(name=name)
    [(here,)] = sql.fetch("subscribers", "log_xid")
    _move(cursor, max((here, 0), (cursor.xid, cursor.event_id)), poison=None, error=None)


@transaction.atomic
def _run_batch(reader: Consumer) -> int:
    cursor = Cursor.objects.select_for_update(skip_locked=True).filter(name=reader.name).first()
    if cursor is None or (cursor.parked_at and clock.now() - cursor.parked_at < PARKED_FOR):
        return 0
    # What has failed before is tried alone: its neighbours need not fail with it again.
    limit = 1 if cursor.parked_at else BATCH
    read, horizon = _read(reader, cursor, limit)
    events = [*_ripe(reader, read)]
    count, error = _handle(reader, events)
    if error is None and len(read) < limit and count == len(read):
        # Nothing else lies before the horizon, so rare kinds need not be looked for again.
        place = max((horizon - 1, _MAX_ID), (cursor.xid, cursor.event_id))
    elif count:
        place = events[count - 1].xid, events[count - 1].id
    else:
        place = cursor.xid, cursor.event_id
    _move(cursor, place, poison=None if error is None else events[count], error=error)
    return count


def _read(reader: Consumer, cursor: Cursor, limit: int) -> tuple[list[Event], int]:
    """The next events, and the horizon, which comes even where there is no event."""
    place = {"xid": cursor.xid, "event_id": cursor.event_id}
    wanted: dict[str, Any] = {"kinds": list(reader.kinds), "limit": limit}
    with connection.cursor() as wire:
        wire.execute(sql.load("subscribers", "read_events"), place | wanted)
        names = [column.name for column in wire.description or ()]
        rows: list[tuple[Any, ...]] = wire.fetchall()
    pick, horizon = itemgetter(*map(names.index, _FIELDS)), rows[0][names.index("horizon")]
    # Without the ORM's detour by converters and annotations: half of what a consumer took.
    return [_event(*pick(row)) for row in rows if row[names.index("id")]], horizon


def _ripe(reader: Consumer, events: Iterable[Event]) -> Iterator[Event]:
    """Those before the first that was recorded too lately."""
    if not reader.after:
        return iter(events)
    until = clock.now() - reader.after
    return takewhile(lambda event: event.recorded_at <= until, events)


def _event(*values: Any) -> Event:
    event = Event(*values)  # type: ignore[misc] # in the order of its fields
    event.properties = json.loads(event.properties) if event.properties != "{}" else {}
    event._state.adding = False
    return event


def _handle(reader: Consumer, events: Sequence[Event]) -> tuple[int, Exception | None]:
    """How many events had their effect, from the first on, and the error of the one after them.

    A batch that fails is undone and halved until the event that is to blame stands alone.
    """
    if not events:
        return 0, None
    try:
        with transaction.atomic():
            reader.handle(events)
            connection.check_constraints()  # deferred ones would blame nobody at commit
    except (OperationalError, InterfaceError):
        raise  # deadlocks, timeouts and lost connections blame no event: the next tick retries
    except Exception as error:  # noqa: BLE001 - one bad event must not take its neighbours along
        if len(events) == 1:
            return 0, error
    else:
        return len(events), None
    half = len(events) // 2
    count, failure = _handle(reader, events[:half])
    if failure is None:
        more, failure = _handle(reader, events[half:])
        count += more
    return count, failure


def _move(
    cursor: Cursor, place: tuple[int, int], *, poison: Event | None, error: Exception | None
) -> None:
    """Move the cursor, or leave it before the event that cannot be handled and say which it is."""
    now = clock.now()
    Cursor.objects.filter(name=cursor.name).update(
        xid=place[0],
        event_id=place[1],
        moved_at=now,
        parked_event_id=poison.id if poison else None,
        parked_at=now if poison else None,
        parked_reason="".join(traceback.format_exception(error))[-4000:] if error else "",
    )
    if poison:
        log.error("consumer_parked", consumer=cursor.name, event_id=poison.id, error=repr(error))
