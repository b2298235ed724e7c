"""Let a paused sequence go on: what is made of all that became due while it was paused.

It stays paused until that is done, chunk by chunk, so nothing leaves that should not; a tick goes
on where a crash has cut it short.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from accounts.audit import Actor
from delivery import services as delivery
from delivery import sources
from delivery.models import Outbox
from emailseq.lib import clock, sql, state
from emailseq.lib.errors import Invalid
from sequences.models import Enrollment, EnrollmentQuerySet, Resumption, Sequence, SequenceVersion
from sequences.program import WaitStep
from sequences.runs import program_of
from sequences.services import lifecycle
from sequences.states import SEQUENCE_MOVES, EnrollmentState, Overdue, SequenceState

CHUNK = 20_000
AT_ONCE_SECONDS = 2.0
MAX_PER_HOUR = 10**7


class Waiting(NamedTuple):
    """What became due while a sequence was paused: runs and messages, and how many are stale."""

    runs: int
    stale_runs: int
    messages: int
    stale_messages: int


def overdue(sequence: Sequence, *, stale_after: timedelta = timedelta(hours=24)) -> Waiting:
    """What a resumption would find now, before anybody decides."""
    now = clock.db_now()
    runs, messages = _runs(sequence).filter(due_at__lte=now), _messages(sequence, now)
    before = now - stale_after
    return Waiting(
        runs.count(),
        runs.filter(due_at__lt=before).count(),
        messages.count(),
        messages.filter(run_at__lt=before).count(),
    )


def resume(
    sequence: Sequence,
    *,
    by: Actor,
    overdue: str = Overdue.LATE,
    stale_after: timedelta | None = None,
    per_hour: int | None = None,
) -> bool:
    """Let a paused sequence go on, as soon as it is done with what is overdue; False if it is live.

    `late`: all of it happens now. `skip`: what was due more than `stale_after` ago is not sent any
    more, and its runs go on. `shift`: who waits for time to pass waits longer, by the pause; at a
    wait-until, the log decides as ever. `spread`: it happens one by one, `per_hour`, oldest first.
    Raises Invalid, and StateConflict for a sequence that is not paused.
    """
    _check(overdue, stale_after, per_hour)
    with transaction.atomic():
        sources.lock(sequence)
        if sequence.state == SequenceState.LIVE:
            return False
        if sequence.state != SequenceState.PAUSED:
            raise state.refusal("resume", SEQUENCE_MOVES, state=sequence.state)
        now = clock.db_now()
        resumption, _ = Resumption.objects.get_or_create(
            sequence=sequence,
            finished_at=None,
            defaults={
                "policy": overdue,
                "stale_after": stale_after,
                "per_hour": per_hour,
                "paused_at": sequence.paused_at or now,
                "at": now,
                "by": by.label,
            },
        )
    _go_on(resumption.pk, by=by)
    sequence.refresh_from_db()
    return True


def go_on() -> int:
    """Carry on with resumptions that were cut short; how many there were."""
    unfinished = [*Resumption.objects.filter(finished_at=None).order_by("pk")]
    for resumption in unfinished:
        _go_on(resumption.pk, by=Actor("system", 0, resumption.by))
    return len(unfinished)


def _check(policy: str, stale_after: timedelta | None, per_hour: int | None) -> None:
    if policy not in Overdue.values:
        detail = f"This must be one of {', '.join(Overdue.values)}."
        raise Invalid.field("overdue", "invalid_choice", detail)
    if (policy == Overdue.SKIP) != (stale_after is not None):
        detail = "Say how old what is skipped is at least: with “skip”, and only then."
        raise Invalid.field("stale_after", "required", detail)
    if stale_after is not None and stale_after < timedelta(0):
        raise Invalid.field("stale_after", "out_of_range", "An age is not negative.")
    if (policy == Overdue.SPREAD) != (per_hour is not None):
        detail = "Say how many an hour: with “spread”, and only then."
        raise Invalid.field("per_hour", "required", detail)
    if per_hour is not None and not 1 <= per_hour <= MAX_PER_HOUR:
        raise Invalid.field("per_hour", "out_of_range", f"Between 1 and {MAX_PER_HOUR:,} an hour.")


def _go_on(pk: int, *, by: Actor) -> None:
    until = time.monotonic() + AT_ONCE_SECONDS
    while _do_chunk(pk, by=by) and time.monotonic() < until:
        pass


@transaction.atomic
def _do_chunk(pk: int, *, by: Actor) -> bool:
    """Handle the next chunk, or else let the sequence go; whether there may be more to do."""
    unfinished = Resumption.objects.filter(pk=pk, finished_at=None)
    locked = unfinished.select_for_update(of=("self",), skip_locked=True)
    resumption = locked.select_related("sequence").first()
    if resumption is None:
        return False
    if resumption.sequence.state == SequenceState.PAUSED:
        if done := CHUNKS[resumption.policy](resumption):
            unfinished.update(done_count=resumption.done_count + done, reached=resumption.reached)
            return True
        lifecycle.resume_sequence(resumption.sequence, by=by)
    unfinished.update(finished_at=clock.db_now())
    return False


def _late(resumption: Resumption) -> int:
    return 0


def _skip(resumption: Resumption) -> int:
    before = resumption.at - (resumption.stale_after or timedelta(0))
    skipped = delivery.cancel(**resumption.sequence.source, due_before=before)
    return skipped + sql.run("sequences", "skip", {**_arguments(resumption), "before": before})


def _shift(resumption: Resumption) -> int:
    """How many runs it has looked at; those at a wait are moved."""
    pause = resumption.at - resumption.paused_at
    arguments = {
        **_arguments(resumption),
        "reached": resumption.reached,
        "waits": _waits(resumption.sequence),
        "pause": pause,
    }
    [(looked, reached)] = sql.fetch("sequences", "shift", arguments)
    resumption.reached = reached or resumption.reached
    return int(looked)


def _spread(resumption: Resumption) -> int:
    gap = timedelta(hours=1) / (resumption.per_hour or 1)
    done = resumption.done_count
    pace: dict[str, Any] = {"at": resumption.at, "gap": gap, "limit": CHUNK, "done": done}
    messages = delivery.spread(**resumption.sequence.source, **pace)
    if messages:
        return messages
    return sql.run("sequences", "spread", {**_arguments(resumption), **pace})


CHUNKS: Mapping[str, Callable[[Resumption], int]] = {
    Overdue.LATE: _late,
    Overdue.SKIP: _skip,
    Overdue.SHIFT: _shift,
    Overdue.SPREAD: _spread,
}


def _arguments(resumption: Resumption) -> dict[str, Any]:
    return {"sequence_id": resumption.sequence_id, "limit": CHUNK}


def _waits(sequence: Sequence) -> list[str]:
    """The keys of all steps at which runs of the sequence wait for time to pass."""
    versions = SequenceVersion.objects.filter(sequence=sequence).values_list("pk", flat=True)
    steps = (step for pk in versions for step in program_of(pk))
    return sorted({step.key for step in steps if isinstance(step, WaitStep)})


def _runs(sequence: Sequence) -> EnrollmentQuerySet:
    return Enrollment.objects.filter(sequence=sequence, state=EnrollmentState.ACTIVE)


def _messages(sequence: Sequence, now: datetime) -> QuerySet[Outbox]:
    waiting = Outbox.objects.filter(**sequence.source, cancelled_at=None, lease_token=None)
    return waiting.filter(run_at__lte=now)
