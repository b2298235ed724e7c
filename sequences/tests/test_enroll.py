from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import transaction

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from analytics.tests.factories import in_a_session_of_its_own
from delivery.models import Outbox
from emailseq.lib import clock
from emailseq.lib.errors import StateConflict
from sequences import engine
from sequences.models import Enrollment
from sequences.services import lifecycle
from sequences.services.enroll import enroll
from sequences.states import ReEntry
from sequences.tests.factories import DAY, EMAIL, let_leave, make_draft, make_live, make_runs
from subscribers.models import Event
from subscribers.tests.factories import SubscriberFactory, make_audience

database = pytest.mark.django_db


def started(sequence):
    events = Event.objects.filter(kind="enrollment.started", source_id=sequence.pk)
    return [(event.subscriber_id, event.properties["run"]) for event in events.order_by("id")]


@database
def test_runs_start_at_once_at_the_start_of_the_live_version():
    live = make_live(EMAIL)
    people = make_audience(2, on=live.list)

    assert enroll(live, [person.pk for person in people], by=SYSTEM) == 2

    runs = Enrollment.objects.order_by("pk")
    assert [run.subscriber for run in runs] == people
    assert {
        (run.state, run.run, run.position, run.version_id, run.workspace_id) for run in runs
    } == {("active", 1, "", live.live_version_id, live.workspace_id)}
    assert all(run.due_at <= clock.db_now() for run in runs)
    assert started(live) == [(person.pk, 1) for person in people]
    assert AuditEntry.objects.get(verb="enrollment.started").changes == {"count": 2}


@database
def test_who_cannot_come_in_is_passed_over():
    live = make_live(EMAIL)
    (inside,) = make_runs(live)
    stranger = SubscriberFactory()
    archived = SubscriberFactory(workspace=live.workspace, archived_at=clock.now())
    (fresh,) = make_audience(1, on=live.list)
    ids = [inside.subscriber_id, stranger.pk, archived.pk, fresh.pk, fresh.pk, 2**40]

    assert enroll(live, ids, by=SYSTEM) == 1
    assert enroll(live, ids, by=SYSTEM) == 0

    assert [run.subscriber for run in Enrollment.objects.order_by("pk")] == [
        inside.subscriber,
        fresh,
    ]
    assert started(live) == [(inside.subscriber_id, 1), (fresh.pk, 1)]


@database
@pytest.mark.parametrize(("re_entry", "runs"), [(ReEntry.NEVER, [1]), (ReEntry.ALWAYS, [1, 2])])
def test_who_has_been_comes_again_only_where_the_sequence_says_so(re_entry, runs):
    live = make_live(EMAIL, re_entry=re_entry)
    (first,) = make_runs(live)
    assert enroll(live, [first.subscriber_id], by=SYSTEM) == 0, "nobody is inside twice"
    lifecycle.exit(Enrollment.objects.all(), by=SYSTEM)

    enroll(live, [first.subscriber_id], by=SYSTEM)

    assert [*Enrollment.objects.order_by("run").values_list("run", flat=True)] == runs
    assert started(live) == [(first.subscriber_id, run) for run in runs]


@database
def test_a_second_run_sends_its_messages_again():
    live = make_live(EMAIL, re_entry=ReEntry.ALWAYS)
    (first,) = make_runs(live)
    engine.advance()
    let_leave()
    with clock.frozen(clock.now() + DAY):
        engine.advance()
        enroll(live, [first.subscriber_id], by=SYSTEM)
        engine.advance()

    assert [run.state for run in Enrollment.objects.order_by("run")] == ["completed", "active"]
    assert Outbox.objects.get().run == 2


@database
@pytest.mark.parametrize("state", ["draft", "archived"])
def test_nobody_enters_a_sequence_that_is_not_open(state):
    sequence = make_draft(EMAIL) if state == "draft" else make_live(EMAIL)
    if state == "archived":
        lifecycle.archive_sequence(sequence, by=SYSTEM)
    (person,) = make_audience(1, on=sequence.list)

    with pytest.raises(StateConflict) as refusal:
        enroll(sequence, [person.pk], by=SYSTEM)

    assert refusal.value.state == state
    assert not Enrollment.objects.exists()
    assert started(sequence) == []


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_fifty_who_enroll_one_person_at_once_start_one_run_with_one_first_message():
    live = make_live(EMAIL, DAY, EMAIL, re_entry=ReEntry.ALWAYS)
    (person,) = make_audience(1, on=live.list)
    barrier = Barrier(50)

    @in_a_session_of_its_own
    def enroll_and_advance(_):
        barrier.wait(timeout=60)
        count = enroll(live, [person.pk], by=SYSTEM)
        engine.advance()
        return count

    with ThreadPoolExecutor(50) as pool:
        counts = [*pool.map(enroll_and_advance, range(50))]
    engine.advance()

    assert sum(counts) == 1
    assert Enrollment.objects.get().run == 1
    assert started(live) == [(person.pk, 1)]
    message = Outbox.objects.get()
    assert (message.subscriber_id, message.step_key) == (person.pk, live.steps.first().key)


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_nobody_slips_in_while_the_sequence_is_being_archived():
    live = make_live(EMAIL)
    (person,) = make_audience(1, on=live.list)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lifecycle.archive_sequence(live, by=SYSTEM)
            entering = pool.submit(slip_in, live, person)
            with pytest.raises(TimeoutError):
                entering.result(timeout=0.3)
        with pytest.raises(StateConflict):
            entering.result(timeout=10)

    assert not Enrollment.objects.exists()


@in_a_session_of_its_own
def slip_in(sequence, person):
    return enroll(sequence, [person.pk], by=SYSTEM)
