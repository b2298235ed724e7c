"""Move due runs on. One transaction per batch, read from top to bottom:

    claim -> end those who may not be mailed -> facts -> interpret -> queue, record, move on

The messages and events that follow from a step commit together with the run's own progress: a kill
anywhere loses nothing and doubles nothing. Any number of workers may do this at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import structlog
from django.db import transaction

from delivery import services as delivery
from delivery.services import NewMessage
from delivery.states import Priority, SourceKind
from emailseq.lib import clock, sql
from sequences import interpreter, kinds, program
from sequences.events import of_run
from sequences.models import Enrollment, SequenceVersion
from sequences.passes import Enter, Facts, Outcome, Queue
from sequences.program import Program
from sequences.services import lifecycle
from sequences.states import EnrollmentState
from subscribers import events
from subscribers.events import NewEvent

BUDGET_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Run(NamedTuple):
    """A claimed enrollment, and what its sequence says about its messages."""

    id: int
    workspace_id: int
    sequence_id: int
    version_id: int
    subscriber_id: int
    run: int
    position: str
    entered_step_at: datetime
    list_id: int | None
    sender_id: int


class Moved(NamedTuple):
    """A run after its pass; `reason` says why it cannot go on, '' if it can."""

    run: Run
    outcome: Outcome
    reason: str = ""


def advance(limit: int = 1000) -> int:
    """Handle what is due, `limit` runs at a time, for about a second; how many runs it were."""
    until = time.monotonic() + BUDGET_SECONDS
    handled = 0
    while count := advance_batch(limit):
        handled += count
        if time.monotonic() > until:
            break
    return handled


@transaction.atomic
def advance_batch(limit: int) -> int:
    """Handle up to `limit` due runs, a fair share of each live sequence; how many it were."""
    now = clock.db_now()
    claimed = _claim(limit, now=now)
    if not claimed:
        return 0
    ended = lifecycle.end_barred(Enrollment.objects.filter(pk__in=[run.id for run in claimed]))
    runs = [run for run in claimed if run.id not in ended]
    facts = _facts(runs)
    moved = [_interpret(run, facts[run.id], now=now) for run in runs]
    delivery.queue_many(_messages(moved), now=now)
    events.record_many(_events(moved, now=now))
    _write_down(moved, now=now)
    return len(claimed)


def _claim(limit: int, *, now: datetime) -> list[Run]:
    rows = sql.fetch("sequences", "claim", {"limit": limit, "now": now})
    return [Run._make(row) for row in rows]


def _facts(runs: Sequence[Run]) -> dict[int, Facts]:
    """What the interpreter must know, by run id, in one query for all."""
    left_at: dict[int, dict[str, datetime]] = {run.id: {} for run in runs}
    unfinished: dict[int, dict[str, datetime]] = {run.id: {} for run in runs}
    wanted = ("id", "sequence_id", "subscriber_id", "run", "entered_step_at")
    columns = {name: [getattr(run, name) for run in runs] for name in wanted}
    for run_id, step_key, may_leave, left in sql.fetch("sequences", "facts", columns):
        if may_leave:
            unfinished[run_id][step_key] = may_leave
        if left:
            left_at[run_id][step_key] = left
    return {
        run.id: Facts(
            entered_at=run.entered_step_at,
            left_at=left_at[run.id],
            unfinished=unfinished[run.id],
            workspace_id=run.workspace_id,
            subscriber_id=run.subscriber_id,
        )
        for run in runs
    }


def _interpret(run: Run, facts: Facts, *, now: datetime) -> Moved:
    """One pass. A run that cannot go on is parked with its reason; its neighbours go on."""
    try:
        outcome = interpreter.run(_program(run.version_id), run.position, facts, now)
    except Exception as error:  # noqa: BLE001 - a fault hurts only its owner
        log.error("run_failed", enrollment=run.id, sequence=run.sequence_id, error=repr(error))
        stuck = Outcome(run.position, due_at=now, entered_at=run.entered_step_at)
        return Moved(run, stuck, f"{type(error).__name__}: {error}"[:300])
    return Moved(run, outcome)


@lru_cache(maxsize=1000)
def _program(version_id: int) -> Program:
    """A version never changes, so it is read once per process."""
    frozen = SequenceVersion.objects.values_list("program", flat=True).get(pk=version_id)
    return program.load(frozen)


def _messages(moved: Iterable[Moved]) -> list[NewMessage]:
    return [
        NewMessage(
            workspace_id=run.workspace_id,
            kind=SourceKind.SEQUENCE,
            source_id=run.sequence_id,
            step_key=effect.step.key,
            run=run.run,
            variant=effect.variant,
            subscriber_id=run.subscriber_id,
            list_id=run.list_id,
            template_version_id=effect.template_version_id,
            sender_id=run.sender_id,
            priority=Priority.SEQUENCE,
        )
        for run, outcome, _ in moved
        for effect in outcome.effects
        if isinstance(effect, Queue)
    ]


def _events(moved: Iterable[Moved], *, now: datetime) -> list[NewEvent]:
    news: list[NewEvent] = []
    for run, outcome, reason in moved:
        news += [
            of_run(run, kinds.ENROLLMENT_STEP, at=now, step_key=effect.step.key)
            for effect in outcome.effects
            if isinstance(effect, Enter)
        ]
        if outcome.ended:
            news.append(of_run(run, kinds.ENROLLMENT_COMPLETED, at=now))
        if reason:
            failed, position = kinds.ENROLLMENT_FAILED, run.position
            news.append(of_run(run, failed, at=now, step_key=position, reason=reason))
    return news


def _write_down(moved: Sequence[Moved], *, now: datetime) -> None:
    rows = [
        {
            "id": run.id,
            "state": _state(outcome, reason),
            "position": outcome.position,
            "awaits": outcome.awaits,
            "due_at": outcome.due_at,
            "entered_step_at": outcome.entered_at,
            "ended_at": now if outcome.ended or reason else None,
            "reason": reason,
        }
        for run, outcome, reason in moved
    ]
    if rows:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        sql.run("sequences", "move_on", columns)


def _state(outcome: Outcome, reason: str) -> str:
    if reason:
        return EnrollmentState.FAILED
    return EnrollmentState.COMPLETED if outcome.ended else EnrollmentState.ACTIVE
