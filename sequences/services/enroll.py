"""Start runs: by hand, through the API, or because something happened."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from psycopg.types.json import Jsonb

from accounts import audit
from accounts.audit import Actor
from emailseq.lib import clock, ids, sql, state, sticky
from sequences import facts, kinds
from sequences.events import of_run
from sequences.models import Ending, Enrollment, Sequence
from sequences.models.sequence import GOAL_WINDOW
from sequences.runs import Run
from sequences.services import endings
from sequences.states import OPEN, SEQUENCE_MOVES, EndingKind, EnrollmentState
from subscribers import events
from subscribers.events import NewEvent
from subscribers.segments import compile as compiled
from subscribers.segments import rules

MAX_ENTRY_BYTES = 8 * 1024
MAX_HOPS = 10  # sequences one after the other, each enrolled in by the one before


class Ask(NamedTuple):
    """Somebody who is to start a run: because of an event that had these properties, at that time.

    `hops` is how many sequences one after the other have led to this one.
    """

    sequence_id: int
    subscriber_id: int
    at: datetime | None = None  # now, unless something happened
    entry: Mapping[str, Any] | None = None
    hops: int = 0


class Started(NamedTuple):
    """A run that has begun; or that has not, because its person is held out."""

    workspace_id: int
    subscriber_id: int
    sequence_id: int
    run: int
    version_id: int
    compared: bool
    held_out: bool


@transaction.atomic
def enroll(sequence: Sequence, subscriber_ids: Iterable[int], *, by: Actor) -> int:
    """Start a run for each of these people; how many runs were started, or held out to compare.

    Passed over are people of another workspace, archived ones, whom the entry rule does not let
    in, whoever is inside already and, as long as the sequence says so, whoever has been. Who enters
    while it is paused waits. Raises StateConflict when it takes nobody in.
    """
    started = start(Ask(sequence.pk, subscriber_id) for subscriber_id in subscriber_ids)
    if started:
        changes = {"count": len(started)}
        audit.record(
            sequence.workspace_id, "enrollment.started", by=by, on=sequence, changes=changes
        )
    else:
        _check_open(sequence)
    return len(started)


@transaction.atomic
def start(asks: Iterable[Ask]) -> list[Started]:
    """Start the runs that the sequences allow and say so in the log; of two alike, the first.

    Whoever is held out gets a run that has ended, and nothing is sent.
    """
    first: dict[tuple[int, int], Ask] = {}
    for ask in asks:
        first.setdefault((ask.sequence_id, ask.subscriber_id), ask)
    now = clock.db_now()
    welcome = _welcome(list(first.values()), now)
    if not welcome:
        return []
    terms = _terms({ask.sequence_id for ask in welcome})
    rows = [
        (
            *(ask.sequence_id, ask.subscriber_id, at),
            Jsonb(_fitting(ask.entry)) if ask.entry else None,
            ask.hops,
            at + GOAL_WINDOW if has_goal else None,
            percent > 0,
            is_held_out(ask.sequence_id, ask.subscriber_id, percent=percent),
        )
        for ask in welcome
        for at, (percent, has_goal) in [(ask.at or now, terms.get(ask.sequence_id, (0, False)))]
    ]
    columns = sql.columns((*Ask._fields, "goal_until", "compared", "held_out"), rows)
    uids = [ids.new() for _ in rows]
    found = sql.fetch("sequences", "enroll", {**columns, "uid": uids, "now": now})
    started = [Started._make(row) for row in found]
    events.record_many(_began(run, at=now) for run in started)
    if any(run.held_out for run in started):
        _look_at_held_out(uids, now=now)
    return started


def is_held_out(sequence_id: int, subscriber_id: int, *, percent: int) -> bool:
    """Whether somebody is among so many percent of the people: always the same ones, and more of
    them when it is more."""
    return sticky.fraction("holdout", sequence_id, subscriber_id) * 100 < percent


def _look_at_held_out(uids: list[UUID], *, now: datetime) -> None:
    """Whose goal is a rule that holds already has reached it, as they would have inside."""
    held_out = Enrollment.objects.filter(uid__in=uids, state=EnrollmentState.HELD_OUT)
    runs = [Run._make(row) for row in held_out.values_list(*Run._fields)]
    endings.end_reached(runs, facts.sequences_of(runs), now=now)


def _began(run: Started, *, at: datetime) -> NewEvent:
    if run.held_out:
        return of_run(run, kinds.ENROLLMENT_HELD_OUT, at=at)
    return of_run(run, kinds.ENROLLMENT_STARTED, at=at, verdict=kinds.group(run.compared))


def _terms(sequence_ids: Collection[int]) -> dict[int, tuple[int, bool]]:
    """How many percent each sequence holds out, and whether it has a goal."""
    goals = Ending.objects.filter(sequence=OuterRef("pk"), kind=EndingKind.GOAL)
    found = Sequence.objects.filter(pk__in=sequence_ids).annotate(has_goal=Exists(goals))
    rows = found.values_list("pk", "holdout_percent", "has_goal")
    return {pk: (percent, has_goal) for pk, percent, has_goal in rows}


def _welcome(asks: list[Ask], now: datetime) -> list[Ask]:
    """Those whom the entry rule of the sequence matches now, if it has one."""
    ruled = Sequence.objects.filter(
        pk__in={ask.sequence_id for ask in asks}, entry_rule__isnull=False
    ).select_related("workspace")
    let_in: dict[int, set[int]] = {}
    for sequence in ruled:
        rule = rules.parse(sequence.entry_rule)
        people = {ask.subscriber_id for ask in asks if ask.sequence_id == sequence.pk}
        let_in[sequence.pk] = compiled.matching(rule, sequence.workspace, people, now=now)
    return [
        ask
        for ask in asks
        if ask.sequence_id not in let_in or ask.subscriber_id in let_in[ask.sequence_id]
    ]


def _fitting(entry: Mapping[str, Any]) -> dict[str, Any]:
    """As many of the properties, in their order, as 8 KB hold."""
    kept: dict[str, Any] = {}
    room = MAX_ENTRY_BYTES
    for name, value in entry.items():
        room -= len(json.dumps({name: value}, ensure_ascii=False).encode())
        if room < 0:
            break
        kept[name] = value
    return kept


def _check_open(sequence: Sequence) -> None:
    now = Sequence.objects.values_list("state", flat=True).get(pk=sequence.pk)
    if now not in OPEN:
        raise state.refusal("enroll", SEQUENCE_MOVES, state=now)
