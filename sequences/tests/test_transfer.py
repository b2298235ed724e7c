"""People move to the version that was published, stay or leave; nobody loses their place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from delivery.models import Outbox, SendLedger
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from sequences import engine
from sequences.models import Enrollment, Transfer
from sequences.services import edit, lifecycle
from sequences.services.publish import publish
from sequences.services.transfer import transfer, transfer_batch
from sequences.tests.factories import (
    DAY,
    EMAIL,
    add_step,
    let_leave,
    make_live,
    make_runs,
)
from subscribers.models import Event

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def start():
    return clock.db_now()


@pytest.fixture
def live(start):
    """An email, a wait of a day, an email; two people wait, and their first mail has left."""
    made = make_live(EMAIL, DAY, EMAIL)
    with clock.frozen(start):
        made.people = enter(made, 2)
        let_leave()
    return made


def enter(sequence, count=1):
    """People begin, and go as far as they come at once."""
    runs = make_runs(sequence, count)
    engine.advance()
    return runs


def keys(sequence):
    return [*sequence.steps.order_by("position").values_list("key", flat=True)]


def stand(sequence):
    """Where everybody stands: version, position, state."""
    runs = Enrollment.objects.filter(sequence=sequence).order_by("pk").select_related("version")
    return [(run.version.number, run.position, run.state) for run in runs]


def sent(sequence):
    """The steps whose message was queued or has left, per person."""
    rows = [
        *Outbox.objects.filter(source_id=sequence.pk, cancelled_at=None),
        *SendLedger.objects.filter(source_id=sequence.pk),
    ]
    return sorted((row.subscriber_id, row.step_key) for row in rows)


def test_people_stay_where_they_are_unless_told_otherwise(live, start):
    _, wait, _ = keys(live)
    edit.remove_step(live.steps.get(key=wait), by=SYSTEM)

    publish(live, by=SYSTEM)

    assert not Transfer.objects.exists()
    assert transfer() == 0
    assert stand(live) == [(1, wait, "active")] * 2


def test_who_stands_at_a_step_that_is_still_there_stays_at_it(live, start):
    _, wait, _ = keys(live)
    edit.update_step(live.steps.get(key=wait), delay=3 * DAY, by=SYSTEM)
    entered = Enrollment.objects.values_list("entered_step_at", flat=True)[0]

    with clock.frozen(start + HOUR):
        publish(live, people="move", by=SYSTEM)
        assert stand(live) == [(1, wait, "active")] * 2
        assert transfer() == 2
        assert engine.advance() == 2

    assert stand(live) == [(2, wait, "active")] * 2
    run = Enrollment.objects.first()
    assert run.entered_step_at == entered
    assert run.due_at - 3 * DAY - start < timedelta(minutes=1), "from when the first mail left"
    task = Transfer.objects.get()
    assert (task.moved_count, task.exited_count) == (2, 0)
    assert task.finished_at
    assert transfer() == 0
    moved = Event.objects.filter(kind="enrollment.moved")
    assert [*moved.values_list("step_key", flat=True)] == [wait, wait]


def test_a_shortened_wait_acts_at_once_and_counts_from_when_it_began(live, start):
    _, wait, last = keys(live)
    edit.update_step(live.steps.get(key=wait), delay=2 * HOUR, by=SYSTEM)

    with clock.frozen(start + HOUR):
        publish(live, people="move", by=SYSTEM)
        transfer()
        engine.advance()
        assert stand(live) == [(2, wait, "active")] * 2
    with clock.frozen(start + 2 * HOUR + timedelta(minutes=1)):
        engine.advance()

    assert stand(live) == [(2, last, "active")] * 2
    assert Outbox.objects.filter(step_key=last).count() == 2


def test_who_stands_at_a_removed_wait_goes_on_with_the_next_step(live, start):
    _, wait, last = keys(live)
    edit.remove_step(live.steps.get(key=wait), by=SYSTEM)

    with clock.frozen(start + HOUR):
        publish(live, people="move", by=SYSTEM)
        transfer()
        engine.advance()

    assert stand(live) == [(2, last, "active")] * 2
    assert Outbox.objects.filter(step_key=last).count() == 2


def test_a_queued_message_of_a_removed_email_is_cancelled_and_others_stay(start):
    live = make_live(EMAIL, EMAIL, DAY, EMAIL)
    with clock.frozen(start):
        enter(live)
    first, second, wait, _ = keys(live)
    edit.remove_step(live.steps.get(key=first), by=SYSTEM)

    with clock.frozen(start + HOUR):
        publish(live, people="move", by=SYSTEM)
        transfer()

    left = Outbox.objects.order_by("id").values_list("step_key", "cancelled_at")
    assert [(key, bool(cancelled)) for key, cancelled in left] == [(first, True), (second, False)]
    assert stand(live) == [(2, wait, "active")]


def test_a_message_that_is_waited_for_and_removed_is_waited_for_no_more(start):
    live = make_live(EMAIL, DAY, EMAIL)
    with clock.frozen(start):
        (run,) = enter(live)
    first, wait, last = keys(live)
    with clock.frozen(start + 2 * DAY):
        engine.advance()
        run.refresh_from_db()
        assert run.awaits == first
        edit.remove_step(live.steps.get(key=first), by=SYSTEM)
        publish(live, people="move", by=SYSTEM)
        transfer()
        run.refresh_from_db()
        assert (run.position, run.awaits) == (wait, "")
        engine.advance()

    assert stand(live) == [(2, last, "active")]


def test_who_is_not_in_any_step_yet_starts_in_the_new_version(start):
    live = make_live(EMAIL)
    make_runs(live)
    fresh = add_step(live, EMAIL, to=1)

    publish(live, people="move", by=SYSTEM)
    transfer()
    with clock.frozen(start + HOUR):
        engine.advance()

    assert stand(live) == [(2, keys(live)[1], "active")]
    assert {key for _, key in sent(live)} == {*keys(live)}
    assert keys(live)[0] == fresh.key


def test_who_was_at_the_end_goes_on_with_what_was_added(live, start):
    _, _, last = keys(live)
    with clock.frozen(start + 2 * DAY):
        engine.advance()
        assert stand(live) == [(1, last, "active")] * 2  # its message has not left
        more = add_step(live, EMAIL)
        publish(live, people="move", by=SYSTEM)
        transfer()
        engine.advance()

    assert stand(live) == [(2, more.key, "active")] * 2


def test_nobody_gets_anything_twice_when_steps_change_places(live, start):
    first, wait, last = keys(live)
    edit.move_step(live.steps.get(key=first), to=2, by=SYSTEM)
    before = sent(live)

    with clock.frozen(start + HOUR):
        publish(live, people="move", by=SYSTEM)
        transfer()
        for _ in range(3):
            engine.advance()

    assert keys(live) == [wait, first, last]
    people = {subscriber for subscriber, _ in before}
    assert sent(live) == sorted((one, key) for one in people for key in (first, last))


def test_even_when_a_step_was_gone_for_a_while(live, start):
    first, wait, last = keys(live)
    document = live.live_version.document
    edit.remove_step(live.steps.get(key=first), by=SYSTEM)
    with clock.frozen(start + HOUR):
        publish(live, people="move", by=SYSTEM)
        transfer()
        steps = {step["key"]: step for step in document["steps"]}
        again = {"steps": [steps[wait], steps[first], steps[last]]}
        edit.put_draft(live, document=again, by=SYSTEM)
        publish(live, people="move", by=SYSTEM)
        transfer()
        engine.advance()

    people = {run.subscriber_id for run in live.people}
    assert sent(live) == sorted((one, key) for one in people for key in (first, last))


def test_people_leave_and_their_messages_with_them(live, start):
    with clock.frozen(start + 2 * DAY):
        engine.advance()
        assert Outbox.objects.filter(cancelled_at=None).count() == 2
        publish(live, people="exit", by=SYSTEM)
        assert transfer() == 2

    assert {state for *_, state in stand(live)} == {"exited"}
    assert Enrollment.objects.first().reason == "left when version 2 was published"
    assert not Outbox.objects.filter(cancelled_at=None).exists()
    assert Transfer.objects.get().exited_count == 2
    assert AuditEntry.objects.get(verb="enrollment.exited").changes["count"] == 2


def test_a_fate_of_their_own_for_those_at_a_step(live, start):
    _, wait, last = keys(live)
    with clock.frozen(start + 2 * DAY):
        engine.advance()
        enter(live)

    publish(live, people="move", steps={last: "exit", wait: "stay"}, by=SYSTEM)
    transfer()

    assert stand(live) == [
        (1, last, "exited"),
        (1, last, "exited"),
        (1, wait, "active"),
    ]


def test_who_is_paused_moves_too_and_stays_paused(live, start):
    one, _ = live.people
    lifecycle.pause(Enrollment.objects.filter(pk=one.pk), by=SYSTEM)
    _, wait, last = keys(live)
    edit.remove_step(live.steps.get(key=wait), by=SYSTEM)

    with clock.frozen(start + HOUR):
        publish(live, people="move", by=SYSTEM)
        transfer()
        engine.advance()
        before = stand(live)
        lifecycle.resume(Enrollment.objects.filter(pk=one.pk), by=SYSTEM)
        engine.advance()

    assert [state for *_, state in before] == ["paused", "active"]
    assert stand(live) == [(2, last, "active")] * 2


def test_those_who_have_ended_are_left_alone(live, start):
    lifecycle.exit(Enrollment.objects.filter(pk=live.people[0].pk), by=SYSTEM)

    publish(live, people="move", by=SYSTEM)

    assert transfer() == 1
    assert [(version, state) for version, _, state in stand(live)] == [
        (1, "exited"),
        (2, "active"),
    ]


def test_people_go_through_versions_in_order(live, start):
    _, wait, _ = keys(live)
    publish(live, people="move", by=SYSTEM)
    edit.remove_step(live.steps.get(key=wait), by=SYSTEM)
    publish(live, people="stay", by=SYSTEM)
    publish(live, steps={wait: "exit"}, by=SYSTEM)

    transfer()

    assert stand(live) == [(2, wait, "exited")] * 2
    assert not Transfer.objects.filter(finished_at=None).exists()


def test_what_stops_half_way_goes_on_where_it_stopped(live, start):
    make_runs(live, 5)
    publish(live, people="move", by=SYSTEM)

    assert transfer_batch(3) == 3
    task = Transfer.objects.get()
    assert (task.moved_count, task.finished_at) == (3, None)
    assert [version for version, *_ in stand(live)].count(2) == 3
    assert transfer(limit=3) == 4
    assert [version for version, *_ in stand(live)] == [2] * 7
    task.refresh_from_db()
    assert task.moved_count == 7
    assert Event.objects.filter(kind="enrollment.moved").count() == 7


def test_new_people_enter_the_new_version_at_once(live):
    publish(live, people="move", by=SYSTEM)

    (fresh,) = make_runs(live)

    assert fresh.version.number == 2
    assert transfer() == 2


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"people": "vanish"}, ("/people", "invalid_choice")),
        ({"steps": {"nope": "exit"}}, ("/steps/nope", "not_found")),
    ],
)
def test_what_is_no_fate_publishes_nothing(live, options, fault):
    with pytest.raises(Invalid) as refusal:
        publish(live, by=SYSTEM, **options)

    assert [(error.pointer, error.code) for error in refusal.value.errors] == [fault]
    assert live.versions.count() == 1
    assert not Transfer.objects.exists()
