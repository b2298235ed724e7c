"""Hold, let go and end: a sequence as a whole, or single runs of it.

Each verb locks the runs first and touches their messages in a later statement, so it sees what
the engine has queued for them. What is committed before a message's wire mark stops that message.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from django.db import transaction

from accounts import audit
from accounts.audit import SYSTEM, Actor
from analytics import harm
from delivery import services as delivery
from delivery import sources
from delivery.states import SourceKind
from emailseq.lib import clock, sql, state
from sequences import kinds
from sequences.events import of_run
from sequences.models import Enrollment, EnrollmentQuerySet, Sequence
from sequences.states import ENROLLMENT_MOVES, SEQUENCE_MOVES, SequenceState
from subscribers import events
from subscribers import kinds as subscribers
from subscribers.models import Event
from subscribers.suppressed import pepper

CHUNK = 1000


@transaction.atomic
def pause_sequence(sequence: Sequence, *, by: Actor, because: str = "") -> bool:
    """Let nothing happen in a live sequence; people keep their places. False if it is paused.

    Raises StateConflict for a sequence that is not live.
    """
    paused = sources.move(
        sequence,
        "pause",
        SEQUENCE_MOVES,
        kinds.SEQUENCE_PAUSED,
        by=by,
        because=because,
        paused_at=clock.db_now(),
    )
    if paused:
        delivery.hold(**sequence.source, because=because)
    return paused


def brake_sequences() -> int:
    """Pause live sequences that bounce or annoy too much; how many they were."""
    live = {row.pk: row for row in Sequence.objects.filter(state=SequenceState.LIVE)}
    found = harm.found(SourceKind.SEQUENCE, list(live))
    return sum(pause_sequence(live[pk], by=SYSTEM, because=why) for pk, why in found.items())


@transaction.atomic
def resume_sequence(sequence: Sequence, *, by: Actor) -> bool:
    """Let a paused sequence go on; what became due meanwhile happens now. False if it is live.

    Raises StateConflict for a sequence that is not paused.
    """
    resumed = sources.move(
        sequence, "resume", SEQUENCE_MOVES, kinds.SEQUENCE_RESUMED, by=by, paused_at=None
    )
    if resumed:
        delivery.release(**sequence.source)
    return resumed


def archive_sequence(sequence: Sequence, *, by: Actor) -> bool:
    """End a sequence for good: its messages are cancelled, its runs exit. False if it was archived.

    The runs exit in chunks; calling it again finishes what a crash has cut short.
    """
    with transaction.atomic():
        archived = state.move_one(sequence, "archive", SEQUENCE_MOVES)
        if archived:
            delivery.hold(**sequence.source)
            delivery.cancel(**sequence.source)
            audit.record(sequence.workspace_id, "sequence.archived", by=by, on=sequence)
    inside = Enrollment.objects.live().filter(sequence=sequence)
    while exit(inside[:CHUNK], by=by, reason="archived"):
        pass
    return archived


@transaction.atomic
def pause(runs: EnrollmentQuerySet, *, by: Actor) -> int:
    """Hold active runs and their messages where they are. Returns how many."""
    held = _lock(_among(runs).filter(state__in=ENROLLMENT_MOVES["pause"].sources))
    state.move(_of(held), ENROLLMENT_MOVES["pause"], paused_at=clock.now())
    for sequence, people in _by_sequence(held):
        delivery.hold_messages(**sequence.source, subscriber_ids=people)
    _audit("enrollment.paused", held, by=by)
    return len(held)


@transaction.atomic
def resume(runs: EnrollmentQuerySet, *, by: Actor) -> int:
    """Let paused runs go on, what became due meanwhile at once. Returns how many."""
    freed = _lock(_among(runs).filter(state__in=ENROLLMENT_MOVES["resume"].sources))
    state.move(_of(freed), ENROLLMENT_MOVES["resume"], paused_at=None, due_at=clock.db_now())
    for sequence, people in _by_sequence(freed):
        delivery.release_messages(**sequence.source, subscriber_ids=people)
    _audit("enrollment.resumed", freed, by=by)
    return len(freed)


@transaction.atomic
def exit(runs: EnrollmentQuerySet, *, by: Actor, reason: str = "by hand") -> int:  # noqa: A001 - the product's word
    """End live runs early and cancel what they have in the outbox. Returns how many."""
    ended = _lock(_among(runs).live())
    _end(ended, reason=reason)
    _audit("enrollment.exited", ended, by=by, reason=reason)
    return len(ended)


def end_barred(runs: Iterable[tuple[int, int, int | None]]) -> set[int]:
    """End the live runs of people who may not be mailed any more, in the caller's transaction.

    Of each run it takes the id, and the ids of its subscriber and of the list of its sequence.
    Returns the ids of the runs that ended.
    """
    rows = list(runs)
    if not rows:
        return set()
    columns = sql.columns(("id", "subscriber_id", "list_id"), rows)
    query = {**sql.packed(columns), "pepper": pepper()}
    reasons = dict(sql.fetch("sequences", "barred", query))
    if not reasons:
        return set()
    ended = _lock(Enrollment.objects.live().filter(pk__in=reasons))
    ended.sort(key=lambda run: reasons[run.pk])
    for reason, barred in groupby(ended, key=lambda run: reasons[run.pk]):
        _end(list(barred), reason=reason)
    return {run.pk for run in ended}


def end_left(batch: Iterable[Event]) -> int:
    """End the runs of those who left a list and thereby may not be mailed; how many."""
    left = {
        event.subscriber_id
        for event in batch
        if event.kind == subscribers.SUBSCRIPTION_UNSUBSCRIBED
    }
    if not left:
        return 0
    inside = Enrollment.objects.live().filter(subscriber__in=left)
    return len(end_barred(inside.values_list("pk", "subscriber", "sequence__list")))


def end_removed(batch: Iterable[Event]) -> int:
    """End the runs out of which another sequence has taken their people; how many."""
    ended = 0
    for event in batch:
        if event.kind == kinds.ENROLLMENT_REMOVAL:
            inside = Enrollment.objects.live().filter(
                sequence=event.source_id,
                subscriber=event.subscriber_id,
                started_at__lte=event.recorded_at,
            )
            reason = f"removed by “{event.properties['reason']}”"
            ended += len(end(inside.values_list("pk", flat=True), reason=reason))
    return ended


def forget_erased(batch: Iterable[Event]) -> int:
    """End the runs of those who are erased, and forget what came with all they ever had; of how
    many.
    """
    erased = {e.subscriber_id for e in batch if e.kind == subscribers.SUBSCRIBER_ERASED}
    if not erased:
        return 0
    runs = Enrollment.objects.filter(subscriber__in=erased)
    end(runs.live().values_list("pk", flat=True), reason="erased")
    return runs.update(entry=None)


def end(run_ids: Iterable[int], *, reason: str, kind: str = kinds.ENROLLMENT_EXITED) -> set[int]:
    """End those of the runs that are live, in the caller's transaction, and cancel their messages.

    Returns the ids of those that ended; the log tells it as an event of this kind.
    """
    ended = _lock(Enrollment.objects.live().filter(pk__in=list(run_ids)))
    _end(ended, reason=reason, kind=kind)
    return {run.pk for run in ended}


def _among(runs: EnrollmentQuerySet) -> EnrollmentQuerySet:
    """The same runs, ready for filters and locks whatever the query (joins, a slice) was."""
    return Enrollment.objects.filter(pk__in=runs.values("pk"))


def _lock(runs: EnrollmentQuerySet) -> list[Enrollment]:
    """Lock the runs, in the order in which everybody locks them."""
    locked = runs.select_related("sequence").order_by("pk")
    return list(locked.select_for_update(no_key=True, of=("self",)))


def _of(runs: Iterable[Enrollment]) -> EnrollmentQuerySet:
    return Enrollment.objects.filter(pk__in=[run.pk for run in runs])


def _end(runs: list[Enrollment], *, reason: str, kind: str = kinds.ENROLLMENT_EXITED) -> None:
    """End locked runs, cancel their messages, say so in the log."""
    now = clock.db_now()
    state.move(_of(runs), ENROLLMENT_MOVES["exit"], ended_at=now, reason=reason)
    for sequence, people in _by_sequence(runs):
        delivery.cancel(**sequence.source, subscriber_ids=people)
    events.record_many(
        of_run(run, kind, at=now, step_key=run.position, reason=reason) for run in runs
    )


def _by_sequence(runs: Iterable[Enrollment]) -> list[tuple[Sequence, list[int]]]:
    """Each sequence with the ids of the subscribers whose run of it is among `runs`."""
    people: dict[Sequence, list[int]] = {}
    for run in runs:
        people.setdefault(run.sequence, []).append(run.subscriber_id)
    return sorted(people.items(), key=lambda item: item[0].pk)


def _audit(verb: str, runs: Iterable[Enrollment], *, by: Actor, **changes: str) -> None:
    for sequence, people in _by_sequence(runs):
        audit.record(
            sequence.workspace_id,
            verb,
            by=by,
            on=sequence,
            changes={"count": len(people), **changes},
        )
