from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import transaction

from accounts.audit import SYSTEM
from analytics.tests.factories import in_a_session_of_its_own
from delivery.models import Outbox
from emailseq.lib import clock
from sequences import engine, tasks
from sequences.models import Enrollment
from sequences.services import lifecycle
from sequences.services.enroll import enroll
from sequences.tests.factories import (
    DAY,
    EMAIL,
    consume,
    let_leave,
    make_draft,
    make_live,
    make_runs,
)
from subscribers import services as people
from subscribers.services import Consent
from subscribers.tests.factories import ListFactory, SubscriberFactory, make_people

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
HERE = Consent(source="test")


def join(person, to):
    return people.subscribe(person, to=to, by=SYSTEM, confirmed=True, consent=HERE)


def test_who_joins_while_a_sequence_is_paused_waits_at_its_start():
    sequence = make_live(EMAIL)
    lifecycle.pause_sequence(sequence, by=SYSTEM)
    join(SubscriberFactory(workspace=sequence.workspace), sequence.list)

    consume()

    assert engine.advance() == 0
    assert not Outbox.objects.exists()
    lifecycle.resume_sequence(sequence, by=SYSTEM)
    assert engine.advance() == 1
    assert Outbox.objects.count() == 1


def test_who_joins_the_list_starts_a_run():
    live, draft = make_live(EMAIL), make_draft(EMAIL)
    elsewhere = ListFactory(workspace=live.workspace)
    joins, pends, other = make_people(3, workspace=live.workspace)
    join(joins, live.list)
    people.subscribe(pends, to=live.list, by=SYSTEM)
    join(other, elsewhere)
    join(SubscriberFactory(workspace=draft.workspace), draft.list)

    consume()
    consume()

    run = Enrollment.objects.get()
    assert (run.sequence, run.subscriber, run.state) == (live, joins, "active")


def test_a_pending_person_starts_a_run_by_confirming():
    live = make_live(EMAIL)
    person = SubscriberFactory(workspace=live.workspace)
    place = people.subscribe(person, to=live.list, by=SYSTEM)
    consume()
    assert not Enrollment.objects.exists()

    people.confirm(place, by=SYSTEM)
    consume()

    assert Enrollment.objects.get().subscriber == person


def test_who_left_again_before_the_consumer_came_starts_nothing():
    live = make_live(EMAIL)
    person = SubscriberFactory(workspace=live.workspace)
    join(person, live.list)
    people.unsubscribe(person, by=SYSTEM, from_list=live.list)

    consume()

    assert not Enrollment.objects.exists()


def test_joining_one_list_does_not_start_what_another_one_starts():
    first = make_live(EMAIL)
    second = make_live(EMAIL, workspace=first.workspace)
    person, newcomer = make_people(2, workspace=first.workspace)
    join(person, first.list)
    consume()
    join(person, second.list)
    join(newcomer, first.list)
    Enrollment.objects.all().delete()

    consume()

    started = Enrollment.objects.values_list("sequence", "subscriber")
    assert {*started} == {(second.pk, person.pk), (first.pk, newcomer.pk)}


def test_leaving_the_list_ends_the_run_at_once_and_cancels_its_message():
    live = make_live(EMAIL, DAY, EMAIL)
    anybody = make_live(EMAIL, list=None, workspace=live.workspace)
    leaves, stays = make_runs(live, 2)
    enroll(anybody, [leaves.subscriber_id], by=SYSTEM)
    join(leaves.subscriber, ListFactory(workspace=live.workspace))
    engine.advance()

    people.unsubscribe(leaves.subscriber, by=SYSTEM, from_list=live.list)
    consume()

    leaves.refresh_from_db()
    stays.refresh_from_db()
    assert (leaves.state, leaves.reason, stays.state) == ("exited", "not subscribed", "active")
    cancelled = Outbox.objects.exclude(cancelled_at=None).get()
    assert (cancelled.source_id, cancelled.subscriber) == (live.pk, leaves.subscriber)
    other = Enrollment.objects.get(sequence=anybody)
    assert other.state == "active", "the consent to another list is enough for this one"


def test_a_paused_run_ends_too_when_its_person_leaves():
    live = make_live(EMAIL)
    (run,) = make_runs(live)
    lifecycle.pause(Enrollment.objects.all(), by=SYSTEM)

    people.unsubscribe(run.subscriber, by=SYSTEM)
    consume()

    run.refresh_from_db()
    assert (run.state, run.reason) == ("exited", "suppressed: unsubscribed")


@pytest.mark.parametrize("outcome", ["sent", "skipped", "failed"])
def test_the_end_of_the_last_message_ends_the_run_without_delay(outcome):
    live = make_live(EMAIL)
    (run,) = make_runs(live)
    tasks.advance()
    run.refresh_from_db()
    assert run.due_at > clock.db_now() + timedelta(minutes=9)

    let_leave(outcome)
    consume()
    tasks.advance()

    run.refresh_from_db()
    assert run.state == "completed"


def test_a_message_wakes_only_the_run_that_waits_for_it():
    live = make_live(EMAIL, DAY, EMAIL)
    (waits,) = make_runs(live)
    engine.advance()
    waits.refresh_from_db()
    due_at = waits.due_at

    let_leave()
    consume()

    waits.refresh_from_db()
    assert waits.due_at == due_at, "it waits for tomorrow, not for its message"


def test_a_wake_up_is_not_lost_while_the_engine_is_at_the_run():
    live = make_live(EMAIL, DAY, EMAIL)
    (run,) = make_runs(live)
    engine.advance()
    long_ago = clock.now() - 2 * DAY
    Enrollment.objects.update(due_at=long_ago + DAY, entered_step_at=long_ago)
    Outbox.objects.update(run_at=long_ago)
    finished, may_commit = threading.Event(), threading.Event()

    def leave():
        with transaction.atomic():
            let_leave()
            finished.set()
            may_commit.wait(timeout=10)

    with ThreadPoolExecutor(2) as pool:
        leaving = pool.submit(in_a_session_of_its_own(leave))
        finished.wait(timeout=10)
        with transaction.atomic():
            engine.advance_batch(10)  # sees the message in the outbox, and will wait for it
            may_commit.set()
            leaving.result(timeout=10)
            waking = pool.submit(in_a_session_of_its_own(consume))
            with pytest.raises(TimeoutError):
                waking.result(timeout=0.5)
        waking.result(timeout=20)

    run.refresh_from_db()
    assert run.awaits == live.steps.first().key
    assert run.due_at <= clock.db_now()
