"""Move due runs on. One transaction per batch, read from top to bottom:

    claim -> end those who may not be mailed, or have reached a goal -> facts
          -> interpret -> do what that says -> learn what it wants to know -> interpret …
          -> move on

Whatever follows from a step commits together with the run's own progress: a kill anywhere loses
nothing and doubles nothing. Any number of workers may do this at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from django.db import InterfaceError, OperationalError, transaction

from delivery import services as delivery
from delivery.services import NewMessage
from delivery.states import Priority, SourceKind
from emailseq.lib import clock, sql
from sequences import facts, interpreter, kinds
from sequences.events import of_run
from sequences.facts import Sequences
from sequences.passes import Act, Enter, Facts, Outcome, Queue
from sequences.program import EmailStep
from sequences.runs import Run, program_of
from sequences.services import endings, lifecycle
from sequences.services.perform import Task, perform
from sequences.states import EnrollmentState
from subscribers import events
from subscribers.events import NewEvent

BUDGET_SECONDS = 1.0
OUT_OF_DATE = "skipped: out of date"

log = structlog.get_logger(__name__)


class Moved(NamedTuple):
    """A run after a pass; `reason` says why it cannot go on, '' if it can."""

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
    runs = _claim(limit, now=now)
    if runs:
        _handle(runs, now=now)
    return len(runs)


def _claim(limit: int, *, now: datetime) -> list[Run]:
    rows = sql.fetch("sequences", "claim", {"limit": limit, "now": now})
    return [Run._make(row) for row in rows]


def _handle(runs: Sequence[Run], *, now: datetime) -> None:
    """Move runs on. A batch that fails is undone and halved until the run to blame stands alone."""
    try:
        with transaction.atomic():
            _move_on(runs, now=now)
    except (OperationalError, InterfaceError):
        raise  # deadlocks, timeouts and lost connections blame no run: the next tick retries
    except Exception as error:  # noqa: BLE001 - a fault hurts only its owner
        if len(runs) == 1:
            stuck = [_stuck(runs[0], error, now=now)]
            events.record_many(_events(stuck, {}, now=now))
            _write_down(stuck, now=now)
        else:
            _handle(runs[: len(runs) // 2], now=now)
            _handle(runs[len(runs) // 2 :], now=now)


def _move_on(claimed: Sequence[Run], *, now: datetime) -> None:
    sequences = facts.sequences_of(claimed)
    ended = lifecycle.end_barred(
        (run.id, run.subscriber_id, sequences[run.sequence_id].list_id) for run in claimed
    )
    runs = [run for run in claimed if run.id not in ended]
    ended = endings.end_reached(runs, sequences, now=now)
    runs = [run for run in runs if run.id not in ended]
    standing: list[Moved] = []
    known = facts.load(runs, sequences) if runs else {}
    while runs:
        moved = [_interpret(run, known[run.id], now=now) for run in runs]
        _apply(moved, sequences, now=now)
        standing += [each for each in moved if not each.outcome.wants]
        asking = [(run, outcome) for run, outcome, _ in moved if outcome.wants]
        learnt = facts.answer(asking, sequences, now=now)
        for run, outcome in asking:
            answers, happened = learnt[run.id]
            known[run.id] = known[run.id].after(outcome, answers=answers, happened=happened)
        runs = [
            run._replace(position=outcome.position, entered_step_at=outcome.entered_at)
            for run, outcome in asking
        ]
    _write_down(standing, now=now)


def _interpret(run: Run, known: Facts, *, now: datetime) -> Moved:
    """One pass. A run that cannot go on is parked with its reason; its neighbours go on."""
    try:
        return Moved(run, interpreter.run(program_of(run.version_id), run.position, known, now))
    except Exception as error:  # noqa: BLE001 - a fault hurts only its owner
        return _stuck(run, error, now=now)


def _stuck(run: Run, error: Exception, *, now: datetime) -> Moved:
    log.error("run_failed", enrollment=run.id, sequence=run.sequence_id, error=repr(error))
    outcome = Outcome(run.position, due_at=now, entered_at=run.entered_step_at)
    return Moved(run, outcome, f"{type(error).__name__}: {error}"[:300])


def _apply(moved: Sequence[Moved], sequences: Sequences, *, now: datetime) -> None:
    """Do what the passes say, each kind of thing for all runs at once, and tell the log."""
    delivery.queue_many(_messages(moved, sequences), now=now)
    tasks = [
        [
            Task(run, effect.step.key, effect.step.action)
            for effect in outcome.effects
            if isinstance(effect, Act)
        ]
        for run, outcome, _ in moved
    ]
    objections = perform([each for each in tasks if each], sequences)
    events.record_many(_events(moved, objections, now=now))


def _messages(moved: Iterable[Moved], sequences: Sequences) -> list[NewMessage]:
    return [
        NewMessage(
            workspace_id=run.workspace_id,
            kind=SourceKind.SEQUENCE,
            source_id=run.sequence_id,
            step_key=effect.step.key,
            run=run.run,
            variant=effect.variant,
            subscriber_id=run.subscriber_id,
            list_id=sequence.list_id,
            template_version_id=effect.template_version_id,
            sender_id=sequence.sender_id,
            message_class=sequence.message_class,
            priority=Priority.SEQUENCE,
            run_at=effect.run_at,
            thread=effect.step.thread,
        )
        for run, outcome, _ in moved
        for sequence in (sequences[run.sequence_id],)
        for effect in outcome.effects
        if isinstance(effect, Queue) and not run.skips
    ]


def _events(
    moved: Iterable[Moved], objections: dict[tuple[int, str], str], *, now: datetime
) -> list[NewEvent]:
    news: list[NewEvent] = []
    for run, outcome, reason in moved:
        for effect in outcome.effects:
            if isinstance(effect, Enter):
                key = effect.step.key
                why = effect.note or objections.get((run.id, key)) or _why_not(run, effect)
                news.append(
                    of_run(
                        run,
                        kinds.ENROLLMENT_STEP,
                        at=now,
                        step_key=key,
                        reason=why,
                        arm=effect.arm,
                        verdict=kinds.LEFT if effect.leaves else "",
                    )
                )
        if outcome.ended:
            kind = kinds.ENROLLMENT_EXITED if outcome.reason else kinds.ENROLLMENT_COMPLETED
            where = outcome.position if outcome.reason else ""
            news.append(of_run(run, kind, at=now, step_key=where, reason=outcome.reason))
        if reason:
            failed, position = kinds.ENROLLMENT_FAILED, run.position
            news.append(of_run(run, failed, at=now, step_key=position, reason=reason))
    return news


def _why_not(run: Run, effect: Enter) -> str:
    return OUT_OF_DATE if run.skips and isinstance(effect.step, EmailStep) else ""


def _write_down(moved: Sequence[Moved], *, now: datetime) -> None:
    rows = [
        {
            "id": run.id,
            "state": _state(outcome, reason),
            "position": outcome.position,
            "awaits": outcome.awaits,
            # What it has skipped, it need not wait for.
            "due_at": now if run.skips and outcome.awaits else outcome.due_at,
            "entered_step_at": outcome.entered_at,
            "ended_at": now if outcome.ended or reason else None,
            "reason": reason or outcome.reason,
        }
        for run, outcome, reason in moved
    ]
    if rows:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        sql.run("sequences", "move_on", sql.packed(columns))


def _state(outcome: Outcome, reason: str) -> str:
    if reason:
        return EnrollmentState.FAILED
    if outcome.ended:
        return EnrollmentState.EXITED if outcome.reason else EnrollmentState.COMPLETED
    return EnrollmentState.ACTIVE
