"""Who is in a segment: looked up by its rule, compared with who was, and written down in chunks.

1. One worker at a time; what takes long rests longer, so that ticks are never starved.
2. The difference is computed once. It only reads, and so holds up no consumer of the event log; its
   result waits in a cursor of the session, however many people it is.
3. Members and the events about them are written 5,000 at a time, each chunk in one transaction
   which makes sure that nobody has edited the segment meanwhile.

A kill at any point leaves a smaller difference to the next refresh.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from psycopg.sql import SQL

from emailseq.lib import clock, ids, sql, state
from emailseq.lib.errors import AppError
from subscribers import events, kinds
from subscribers.events import NewEvent
from subscribers.models.segment import Segment, SegmentQuerySet
from subscribers.segments import rules
from subscribers.segments.compile import everybody
from subscribers.segments.rules import Rule
from subscribers.states import SEGMENT_MOVES, SegmentKind, SegmentState

CHUNK = 5000
# From so many people on, a segment asks before more than this share of its members leave.
FEWEST, LARGE_SHARE = 10, 0.2
SOONEST, LATEST = timedelta(minutes=1), timedelta(days=1)
REST = 60  # what took a second is due again a minute later
AGAIN, TROUBLED = timedelta(seconds=5), timedelta(minutes=10)
BUDGET = 15.0  # seconds after which a tick takes no other segment

log = structlog.get_logger(__name__)


Change = tuple[int, bool, int]  # a person, whether they enter, and how many leave in all


def refresh_due() -> int:
    """Refresh the segments that are due, as long as the budget lasts; how many that were."""
    deadline, done = time.monotonic() + BUDGET, 0
    with _alone() as alone:
        for segment in Segment.objects.due() if alone else ():
            if time.monotonic() > deadline:
                break
            try:
                done += refresh(segment)
            except (DatabaseError, AppError):
                log.exception("segment_refresh_failed", segment=segment.public_id)
                _put_off(segment, TROUBLED)
    return done


def refresh(segment: Segment) -> bool:
    """Make the members of a segment those whom its rule matches now.

    The log is told, but of the first members and of those of an edited rule, unless these are to
    be announced. Where many would leave, none of them does: the segment asks first. False if
    somebody has edited it meanwhile, or if it waits for a segment that its rule names.
    """
    segment.refresh_from_db()
    rule = rules.parse(segment.rule)
    if _waits(segment, rule):
        _put_off(segment, AGAIN)
        return False
    now, started = clock.db_now(), time.monotonic()
    with _difference(segment, rule, now) as changes:
        held = _write_down(segment, changes, now)
    if held is None:
        return False
    took = timedelta(seconds=time.monotonic() - started)
    return _settle(segment, now, held=held, rest=min(max(REST * took, SOONEST), LATEST))


@contextmanager
def _alone() -> Iterator[bool]:
    """One worker at a time; whether that is us."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('segments', 0))")
        (alone,) = cursor.fetchone()
        try:
            yield alone
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended('segments', 0))")


def _waits(segment: Segment, rule: Rule) -> bool:
    """Whether the rule names a segment that is being built: its members are not yet those."""
    refs = [one.ref for one in rules.references(rule) if one.noun == "segment"]
    others = Segment.objects.of(segment.workspace).filter(
        uid__in=[uid for ref in refs if (uid := ids.decode(Segment.prefix, ref))]
    )
    return others.filter(state=SegmentState.BUILDING, archived_at=None).exists()


@contextmanager
def _difference(segment: Segment, rule: Rule, now: datetime) -> Iterator[Iterator[list[Change]]]:
    """Who enters and who leaves, in chunks, in the order of ids."""
    matched = everybody(rule, segment.workspace, now=now)
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute(ROOM)
            statement = DIFFERENCE.format(matched=matched.sql)
            cursor.execute(statement, {**matched.parameters, "segment_id": segment.pk})
        try:
            yield iter(lambda: _fetch(cursor), [])
        finally:
            cursor.execute("CLOSE segment_difference")


def _fetch(cursor: CursorWrapper) -> list[Change]:
    cursor.execute(FETCH)
    changes: list[Change] = cursor.fetchall()
    return changes


def _write_down(segment: Segment, changes: Iterable[list[Change]], now: datetime) -> int | None:
    """Apply the changes; how many are held back until somebody says yes. None: it was edited."""
    held = 0
    for chunk in changes:
        entering = [person for person, enters, _ in chunk if enters]
        leaving = [person for person, enters, _ in chunk if not enters]
        if _asks(segment, leaving=chunk[0][2]):
            held, leaving = chunk[0][2], []
        if not _write_chunk(segment, entering, leaving, now):
            return None
    return held


def _asks(segment: Segment, *, leaving: int) -> bool:
    return (
        segment.state != SegmentState.BUILDING
        and not segment.may_lose
        and leaving >= FEWEST
        and leaving > LARGE_SHARE * segment.member_count
    )


@transaction.atomic
def _write_chunk(segment: Segment, entering: list[int], leaving: list[int], now: datetime) -> bool:
    """Members, their number and the log, together. False if the segment was edited."""
    row = _unedited(segment)
    if not row.select_for_update(no_key=True).exists():
        return False
    entered = _move(segment, "enter_segment", entering, now)
    left = _move(segment, "leave_segment", leaving, now)
    row.update(member_count=F("member_count") + len(entered) - len(left))
    if segment.announces or segment.state != SegmentState.BUILDING:
        told = ((kinds.SEGMENT_ENTERED, entered), (kinds.SEGMENT_LEFT, left))
        properties = {"segment": segment.name, "segment_id": segment.pk}
        events.record_many(
            NewEvent(segment.workspace_id, person, kind, now, properties=properties)
            for kind, people in told
            for person in people
        )
    return True


def _move(segment: Segment, verb: str, people: list[int], now: datetime) -> list[int]:
    """Put people in or out; those for whom that changed something."""
    arguments = {"segment_id": segment.pk, "people": people, "now": now}
    return [person for (person,) in sql.fetch("subscribers", verb, arguments)] if people else []


def _settle(segment: Segment, now: datetime, *, held: int, rest: timedelta) -> bool:
    """Note what the refresh came to. False if the segment was edited."""
    arrow = SEGMENT_MOVES["ask" if held else "settle"]
    moved = state.move(
        _unedited(segment),
        arrow,
        leaving_count=held,
        announces=False,
        may_lose=False,
        refreshed_at=now,
        refresh_due_at=None if segment.kind == SegmentKind.FROZEN else now + rest,
    )
    return bool(moved)


def _put_off(segment: Segment, delay: timedelta) -> None:
    _unedited(segment).update(refresh_due_at=clock.db_now() + delay)


def _unedited(segment: Segment) -> SegmentQuerySet:
    return Segment.objects.filter(pk=segment.pk, revision=segment.revision, archived_at=None)


# Hashes of a million people fit into this much memory; compiling such a plan takes longer than it.
ROOM = """
SET LOCAL work_mem = '64MB';
SET LOCAL jit = off;
SET LOCAL statement_timeout = '100s';
"""
DIFFERENCE = SQL(
    """
DECLARE segment_difference NO SCROLL CURSOR WITH HOLD FOR
SELECT coalesce(matched.id, member.subscriber_id) AS person,
       matched.id IS NOT NULL AS enters,
       count(*) FILTER (WHERE matched.id IS NULL) OVER () AS leaving
  FROM ({matched}) AS matched
  FULL JOIN (SELECT subscriber_id FROM subscribers_segmentmember WHERE segment_id = %(segment_id)s)
         AS member ON member.subscriber_id = matched.id
 WHERE matched.id IS NULL OR member.subscriber_id IS NULL
 ORDER BY person
"""
)
FETCH = f"FETCH {CHUNK} FROM segment_difference"
