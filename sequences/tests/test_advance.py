from __future__ import annotations

import uuid
from datetime import timedelta
from unittest.mock import Mock

import pytest

from accounts.audit import SYSTEM
from delivery.models import Outbox
from delivery.states import Outcome
from emailseq.lib import clock
from sequences import engine
from sequences.models import Enrollment, SequenceVersion
from sequences.services.enroll import enroll
from sequences.tests.factories import DAY, EMAIL, let_leave, make_live, make_runs
from subscribers import services as people
from subscribers.models import Event, Subscriber, Subscription
from subscribers.tests.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def start():
    """Now, held; to be moved by `clock.frozen(start + …)`."""
    return clock.db_now()


def keys(sequence):
    return [*sequence.steps.values_list("key", flat=True)]


def told(run):
    events = Event.objects.filter(subscriber=run.subscriber, kind__startswith="enrollment.")
    return [*events.order_by("id").values_list("kind", "step_key")]


def test_a_run_plays_from_its_start_to_its_end(start):
    live = make_live(EMAIL, DAY, EMAIL)
    hello, rest, tips = keys(live)
    (run,) = make_runs(live)

    with clock.frozen(start + MINUTE):
        assert engine.advance() == 1
        assert engine.advance() == 0
        first = Outbox.objects.get()
        let_leave()
    run.refresh_from_db()
    assert (run.state, run.position, run.awaits) == ("active", rest, "")
    assert run.entered_step_at == run.started_at, "what happened before the first look counts"
    assert run.due_at == start + MINUTE + DAY
    assert (first.step_key, first.run, first.list, first.sender, first.subscriber) == (
        hello,
        1,
        live.list,
        live.sender,
        run.subscriber,
    )
    assert first.template_version.template == live.steps.first().template

    with clock.frozen(start + DAY):
        assert engine.advance() == 0
    with clock.frozen(start + DAY + HOUR):
        assert engine.advance() == 1
        assert Outbox.objects.get().step_key == tips
        run.refresh_from_db()
        assert (run.state, run.position, run.awaits) == ("active", tips, tips)
        let_leave()
    with clock.frozen(start + DAY + 2 * HOUR):
        assert engine.advance() == 1
        assert engine.advance() == 0

    run.refresh_from_db()
    assert (run.state, run.position, run.awaits) == ("completed", tips, "")
    assert run.ended_at == start + DAY + 2 * HOUR
    assert not Outbox.objects.exists()
    assert told(run) == [
        ("enrollment.started", ""),
        ("enrollment.step", hello),
        ("enrollment.step", rest),
        ("enrollment.step", tips),
        ("enrollment.completed", ""),
    ]


def test_a_message_that_leaves_late_makes_the_wait_end_late(start):
    live = make_live(EMAIL, DAY, EMAIL)
    (run,) = make_runs(live)
    engine.advance()

    with clock.frozen(start + DAY + HOUR):
        assert engine.advance() == 1
        run.refresh_from_db()
        assert (run.position, run.awaits) == (keys(live)[1], keys(live)[0])
        assert run.due_at == start + DAY + HOUR + 10 * MINUTE
        assert Outbox.objects.count() == 1

    on_the_wire = {"wire_at": start + 5 * HOUR, "lease_token": uuid.uuid4()}
    Outbox.objects.update(**on_the_wire, doubt_at=start + 6 * HOUR)
    with clock.frozen(start + DAY + 2 * HOUR):
        assert engine.advance() == 1
    run.refresh_from_db()
    assert (run.awaits, run.due_at) == ("", start + DAY + 5 * HOUR)
    with clock.frozen(start + DAY + 5 * HOUR):
        assert engine.advance() == 1
    assert Outbox.objects.count() == 2, "a message in doubt does not hold up the next one"


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.FAILED])
def test_a_message_that_did_not_leave_does_not_hold_up_its_run(start, outcome):
    live = make_live(EMAIL, DAY, EMAIL)
    make_runs(live)
    engine.advance()
    let_leave(outcome)

    with clock.frozen(start + DAY + HOUR):
        engine.advance()

    assert Outbox.objects.get().step_key == keys(live)[2]


def test_a_run_in_doubt_about_its_last_message_is_not_complete(start):
    live = make_live(EMAIL)
    (run,) = make_runs(live)
    engine.advance()
    Outbox.objects.update(wire_at=start, doubt_at=start, lease_token=uuid.uuid4())

    with clock.frozen(start + HOUR):
        engine.advance()
    run.refresh_from_db()
    assert run.state == "active"

    let_leave()
    with clock.frozen(start + 2 * HOUR):
        engine.advance()
    run.refresh_from_db()
    assert run.state == "completed"


def bar_archived(person):
    Subscriber.objects.filter(pk=person.pk).update(archived_at=clock.now())


def bar_suppressed(person):
    people.suppress(person.workspace, email=person.email, reason="complaint", by=SYSTEM)


def bar_left(person):
    people.unsubscribe(person, by=SYSTEM, from_list=person.subscriptions.get().list)


@pytest.mark.parametrize(
    ("bar", "reason"),
    [
        (bar_archived, "archived"),
        (bar_suppressed, "suppressed: complaint"),
        (bar_left, "not subscribed"),
    ],
)
@pytest.mark.parametrize("steps", [0, 1])
def test_who_may_not_be_mailed_any_more_exits_at_the_next_step(start, bar, reason, steps):
    live = make_live(EMAIL, DAY, EMAIL)
    barred, going = make_runs(live, 2)
    for _ in range(steps):
        engine.advance()
    bar(barred.subscriber)

    with clock.frozen(start + 2 * DAY):
        assert engine.advance() == 2

    barred.refresh_from_db()
    going.refresh_from_db()
    assert (barred.state, barred.reason, going.state) == ("exited", reason, "active")
    assert not Outbox.objects.filter(subscriber=barred.subscriber, cancelled_at=None).exists()
    assert Outbox.objects.filter(subscriber=going.subscriber, cancelled_at=None).exists()
    assert told(barred)[-1][0] == "enrollment.exited"


def test_without_a_list_any_consent_will_do():
    live = make_live(EMAIL, list=None)
    mine = SubscriptionFactory(list__workspace=live.workspace)
    left = SubscriptionFactory(list__workspace=live.workspace)

    enroll(live, [mine.subscriber_id, left.subscriber_id], by=SYSTEM)
    Subscription.objects.filter(pk=left.pk).update(state="unsubscribed")

    engine.advance()

    message = Outbox.objects.get()
    assert (message.subscriber, message.list) == (mine.subscriber, None)
    assert Enrollment.objects.get(subscriber=left.subscriber).reason == "not subscribed"


def test_a_run_that_cannot_go_on_is_parked_and_its_neighbours_go_on():
    live = make_live(EMAIL)
    poisoned, lost, going = make_runs(live, 3)
    rotten = SequenceVersion.objects.create(
        sequence=live, number=2, program={"steps": [{"kind": "dance", "key": "a"}]}
    )
    Enrollment.objects.filter(pk=poisoned.pk).update(version=rotten)
    Enrollment.objects.filter(pk=lost.pk).update(position="nowhere")

    assert engine.advance() == 3

    for run in (poisoned, lost, going):
        run.refresh_from_db()
    assert [poisoned.state, lost.state, going.state] == ["failed", "failed", "active"]
    assert poisoned.reason == "ValueError: A program has no steps of the kind 'dance'."
    assert "nowhere" in lost.reason
    assert poisoned.ended_at is not None
    assert Outbox.objects.get().subscriber == going.subscriber
    failed = Event.objects.get(kind="enrollment.failed", subscriber=poisoned.subscriber)
    assert failed.properties == {
        "run": 1,
        "version_id": poisoned.version_id,
        "reason": poisoned.reason,
    }
    assert engine.advance() == 0


def test_a_batch_that_dies_half_way_leaves_nothing_behind(monkeypatch):
    live = make_live(EMAIL)
    (run,) = make_runs(live)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_write_down", Mock(side_effect=OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            engine.advance()

    run.refresh_from_db()
    assert (run.position, Outbox.objects.exists()) == ("", False)
    assert told(run) == [("enrollment.started", "")]
    assert engine.advance() == 1
    assert Outbox.objects.count() == 1


def test_a_big_sequence_does_not_keep_a_small_one_waiting():
    big, small = make_live(EMAIL), make_live(EMAIL)
    make_runs(big, 20)
    make_runs(small, 2)

    assert engine.advance_batch(10) == 7

    queued = Outbox.objects.values_list("source_id", flat=True)
    assert sorted(queued) == sorted([big.pk] * 5 + [small.pk] * 2)
    assert engine.advance_batch(10) == 10, "what is left of the big one has the batch to itself"


def test_a_tick_handles_all_that_is_due_batch_by_batch():
    make_runs(make_live(EMAIL), 5)

    assert engine.advance(limit=2) == 5

    assert Outbox.objects.count() == 5


def test_a_tick_stops_when_its_time_is_up(monkeypatch):
    monkeypatch.setattr(engine, "BUDGET_SECONDS", 0)
    make_runs(make_live(EMAIL), 5)

    assert engine.advance(limit=2) == 2


def test_a_batch_costs_the_same_queries_however_large_it_is(django_assert_num_queries):
    live, other = make_live(EMAIL, DAY, EMAIL), make_live(EMAIL)
    make_runs(live)
    make_runs(other)
    engine.advance()  # both programs are known from here on
    make_runs(live)
    # now, claim, sequences, who is barred, endings, facts, messages, events, runs; two savepoints
    with django_assert_num_queries(13):
        assert engine.advance_batch(1000) == 1

    make_runs(live, 30)
    make_runs(other, 30)
    with django_assert_num_queries(13):
        assert engine.advance_batch(1000) == 60


def test_people_per_step_are_counted(start):
    live = make_live(EMAIL, DAY, EMAIL)
    make_runs(live, 2)
    engine.advance()
    make_runs(live, 3)
    make_runs(make_live(EMAIL))

    assert Enrollment.objects.waiting_by_step(live) == {"": 3, keys(live)[1]: 2}
