"""Let in who matches a sequence already, so many a day and spread over the day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet

from accounts import audit
from accounts.audit import Actor
from emailseq.lib import clock, state
from emailseq.lib.errors import Conflict, Invalid
from sequences.models import Backfill, Enrollment, Sequence
from sequences.models.backfill import MAX_PER_DAY
from sequences.services.enroll import Ask, start
from sequences.states import BACKFILL_MOVES, OPEN, SEQUENCE_MOVES, BackfillState
from subscribers.models import Subscriber, Subscription
from subscribers.segments import compile as compiled
from subscribers.segments import rules
from subscribers.states import SubscriptionState

PAGE, PAGES, SAMPLE = 1000, 50, 500
DAY, BEHIND = timedelta(days=1), timedelta(hours=1)


@transaction.atomic
def start_backfill(sequence: Sequence, *, per_day: int, by: Actor) -> Backfill:
    """Begin to enroll the people of now who are confirmed on the list and match the entry rule.

    Whoever comes later is for triggers. Raises Invalid, StateConflict for a sequence that takes
    nobody in, and Conflict while another backfill of it runs.
    """
    if not 1 <= per_day <= MAX_PER_DAY:
        detail = f"Between 1 and {MAX_PER_DAY:,} people a day."
        raise Invalid.field("per_day", "out_of_range", detail)
    sequence.refresh_from_db()
    if sequence.state not in OPEN:
        raise state.refusal("backfill", SEQUENCE_MOVES, state=sequence.state)
    backfill = _new(sequence, per_day)
    try:
        with transaction.atomic():
            backfill.save()
    except IntegrityError as error:
        raise Conflict("A backfill of this sequence is running.") from error
    changes = {"per_day": per_day}
    audit.record(sequence.workspace, "backfill.started", by=by, on=sequence, changes=changes)
    return backfill


@transaction.atomic
def cancel_backfill(backfill: Backfill, *, by: Actor) -> bool:
    """Let nobody else in by it; who is inside stays. False when it was cancelled already.

    Raises StateConflict for one that has come to its end.
    """
    cancelled = state.move_one(backfill, "cancel", BACKFILL_MOVES, ended_at=clock.db_now())
    if cancelled:
        audit.record(backfill.workspace_id, "backfill.cancelled", by=by, on=backfill.sequence)
    return cancelled


def go_on() -> int:
    """Let in whom the running backfills owe by now; how many runs began."""
    running = Backfill.objects.filter(state=BackfillState.RUNNING).order_by("pk")
    return sum(_fill(pk) for pk in running.values_list("pk", flat=True))


class Waiting(NamedTuple):
    """About how many are still to be let in, and the ids of some of them."""

    number: int
    sample: list[int]


def waiting(backfill: Backfill, *, now: datetime) -> Waiting:
    """Whom a running backfill has still to let in, judged by the next of them."""
    page = _page(backfill)
    if not page:
        return Waiting(0, [])
    chosen = sorted(_newcomers(backfill, _matching(backfill, page, now)))
    return Waiting(round(_ahead(backfill).count() * len(chosen) / len(page)), chosen[:SAMPLE])


def candidates(sequence: Sequence) -> Waiting:
    """Whom a backfill would let in, if it began now."""
    return waiting(_new(sequence, 1), now=clock.db_now())


def _new(sequence: Sequence, per_day: int) -> Backfill:
    """A backfill of all who are there now; not saved."""
    newest = Subscriber.objects.of(sequence.workspace).aggregate(newest=Max("pk"))["newest"]
    return Backfill(
        workspace=sequence.workspace,
        sequence=sequence,
        per_day=per_day,
        max_id=newest or 0,
        next_at=clock.db_now(),
    )


def _newcomers(backfill: Backfill, people: set[int]) -> set[int]:
    """Those who have never been in the sequence."""
    runs = Enrollment.objects.filter(sequence=backfill.sequence_id, subscriber__in=people)
    return people - set(runs.values_list("subscriber", flat=True))


def _fill(pk: int) -> int:
    """One backfill, page by page: a page, its runs and the pace commit together."""
    started = 0
    for _ in range(PAGES):
        found = _take_page(pk)
        if found is None:
            break
        started += found
    return started


@transaction.atomic
def _take_page(pk: int) -> int | None:
    """How many runs began from the next page; None when nobody is owed for now."""
    running = Backfill.objects.filter(pk=pk, state=BackfillState.RUNNING)
    locked = running.select_for_update(of=("self",), skip_locked=True)
    backfill = locked.select_related("sequence__workspace").first()
    if backfill is None:
        return None
    now = clock.db_now()
    if backfill.sequence.state not in OPEN:
        state.move(running, BACKFILL_MOVES["cancel"], ended_at=now)
        return None
    pace = DAY / backfill.per_day
    next_at = max(backfill.next_at, now - max(BEHIND, pace))  # what was missed is not made up for
    owed = int((now - next_at) / pace) + 1 if next_at <= now else 0
    if not owed:
        return None
    page = _page(backfill)
    if not page:
        state.move(running, BACKFILL_MOVES["finish"], ended_at=now)
        return None
    matching = _matching(backfill, page, now)
    chosen = [person for person in page if person in matching][:owed]
    begun = len(start(Ask(backfill.sequence_id, person) for person in chosen))
    running.update(
        reached=chosen[-1] if len(chosen) == owed else page[-1],
        next_at=next_at + begun * pace,
        started_count=backfill.started_count + begun,
    )
    return begun


def _page(backfill: Backfill) -> list[int]:
    """The next of them, by id."""
    return list(_ahead(backfill).order_by("pk").values_list("pk", flat=True)[:PAGE])


def _ahead(backfill: Backfill) -> QuerySet[Subscriber]:
    """Who is to be looked at, being confirmed on the list of the sequence, or on any."""
    places = Subscription.objects.filter(
        subscriber=OuterRef("pk"), state=SubscriptionState.CONFIRMED
    )
    if backfill.sequence.list_id:
        places = places.filter(list=backfill.sequence.list_id)
    return Subscriber.objects.filter(
        Exists(places),
        workspace=backfill.workspace_id,
        archived_at=None,
        pk__gt=backfill.reached,
        pk__lte=backfill.max_id,
    )


def _matching(backfill: Backfill, page: list[int], now: datetime) -> set[int]:
    sequence = backfill.sequence
    if sequence.entry_rule is None:
        return set(page)
    return compiled.matching(rules.parse(sequence.entry_rule), sequence.workspace, page, now=now)
