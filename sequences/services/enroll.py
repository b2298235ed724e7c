"""Start runs: by hand, through the API, or because of a trigger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from emailseq.lib import clock, ids, sql, state
from sequences import kinds
from sequences.events import of_run
from sequences.models import Sequence
from sequences.states import OPEN, SEQUENCE_MOVES
from subscribers import events
from subscribers import kinds as subscribers
from subscribers.models import Event, Subscription
from subscribers.states import SubscriptionState


class Started(NamedTuple):
    """A run that has begun."""

    workspace_id: int
    subscriber_id: int
    sequence_id: int
    run: int


@transaction.atomic
def enroll(sequence: Sequence, subscriber_ids: Iterable[int], *, by: Actor) -> int:
    """Start a run for each of these people; how many runs were started.

    Passed over are people of another workspace, archived ones, whoever is inside already and,
    unless the sequence says otherwise, whoever has been. Who enters while it is paused waits.
    Raises StateConflict when it takes nobody in.
    """
    started = _start((sequence.pk, subscriber_id) for subscriber_id in subscriber_ids)
    if started:
        changes = {"count": started}
        audit.record(
            sequence.workspace_id, "enrollment.started", by=by, on=sequence, changes=changes
        )
    else:
        _check_open(sequence)
    return started


@transaction.atomic
def by_triggers(batch: Iterable[Event]) -> int:
    """Enroll people in the open sequences that start when the list they joined is joined.

    Whoever has left the list since is passed over. Returns how many runs were started.
    """
    joined = {
        (event.properties["list_id"], event.subscriber_id)
        for event in batch
        if event.kind == subscribers.SUBSCRIPTION_CONFIRMED
    }
    places = Subscription.objects.filter(
        state=SubscriptionState.CONFIRMED,
        list__in={list_id for list_id, _ in joined},
        subscriber__in={subscriber_id for _, subscriber_id in joined},
        list__starts__sequence__state__in=OPEN,
    )
    triggered = places.values_list("list__starts__sequence", "subscriber", "list")
    return _start(
        (sequence_id, subscriber_id)
        for sequence_id, subscriber_id, list_id in triggered
        if (list_id, subscriber_id) in joined
    )


def _start(pairs: Iterable[tuple[int, int]]) -> int:
    """Start runs for (sequence, subscriber) pairs and say so in the log; how many were started."""
    asked = list(dict.fromkeys(pairs))
    if not asked:
        return 0
    now = clock.db_now()
    columns = sql.columns(("sequence_id", "subscriber_id"), asked)
    uids = [ids.new() for _ in asked]
    rows = sql.fetch("sequences", "enroll", {**columns, "uid": uids, "now": now})
    started = map(Started._make, rows)
    return events.record_many(of_run(run, kinds.ENROLLMENT_STARTED, at=now) for run in started)


def _check_open(sequence: Sequence) -> None:
    now = Sequence.objects.values_list("state", flat=True).get(pk=sequence.pk)
    if now not in OPEN:
        raise state.refusal("enroll", SEQUENCE_MOVES, state=now)
