from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from analytics.tests.factories import in_a_session_of_its_own
from delivery.models import Outbox, SendLedger, Source
from emailseq.lib import clock
from emailseq.lib.errors import StateConflict
from sequences import engine
from sequences.models import Enrollment
from sequences.services import lifecycle
from sequences.tests.factories import DAY, EMAIL, make_draft, make_live, make_runs
from subscribers.models import Event

database = pytest.mark.django_db


def kinds_of(sequence):
    told = Event.objects.filter(source_id=sequence.pk, subscriber=None)
    return [*told.order_by("id").values_list("kind", flat=True)]


@database
def test_a_paused_sequence_keeps_everybody_in_place():
    live = make_live(EMAIL, DAY, EMAIL)
    (run,) = make_runs(live)

    assert lifecycle.pause_sequence(live, by=SYSTEM) is True
    assert lifecycle.pause_sequence(live, by=SYSTEM) is False
    assert engine.advance() == 0

    run.refresh_from_db()
    assert (run.state, run.position) == ("active", "")
    assert Source.objects.get().held
    assert not Outbox.objects.exists()

    assert lifecycle.resume_sequence(live, by=SYSTEM) is True
    assert lifecycle.resume_sequence(live, by=SYSTEM) is False
    assert engine.advance() == 1

    assert not Source.objects.get().held
    assert Outbox.objects.count() == 1
    assert kinds_of(live) == ["sequence.published", "sequence.paused", "sequence.resumed"]
    assert AuditEntry.objects.filter(verb="sequence.paused").count() == 1


@database
def test_a_draft_can_neither_pause_nor_resume():
    draft = make_draft(EMAIL)

    with pytest.raises(StateConflict) as refusal:
        lifecycle.pause_sequence(draft, by=SYSTEM)
    assert refusal.value.allowed == ["publish", "archive"]
    with pytest.raises(StateConflict):
        lifecycle.resume_sequence(draft, by=SYSTEM)

    assert kinds_of(draft) == []


@database
def test_archiving_ends_every_run_and_cancels_every_message(monkeypatch):
    monkeypatch.setattr(lifecycle, "CHUNK", 2)
    live, other = make_live(EMAIL), make_live(EMAIL)
    make_runs(live, 5)
    make_runs(other)
    engine.advance()
    lifecycle.pause(Enrollment.objects.filter(sequence=live)[:1], by=SYSTEM)

    assert lifecycle.archive_sequence(live, by=SYSTEM) is True
    assert lifecycle.archive_sequence(live, by=SYSTEM) is False

    ended = Enrollment.objects.filter(sequence=live)
    assert {(run.state, run.reason) for run in ended} == {("exited", "archived")}
    assert all(run.ended_at for run in ended)
    assert not Outbox.objects.filter(source_id=live.pk, cancelled_at=None).exists()
    assert Enrollment.objects.get(sequence=other).state == "active"
    assert Outbox.objects.get(source_id=other.pk).cancelled_at is None


@database
def test_archiving_again_ends_what_a_crash_has_left(monkeypatch):
    live = make_live(EMAIL)
    (run,) = make_runs(live)
    type(live).objects.filter(pk=live.pk).update(state="archived")

    lifecycle.archive_sequence(live, by=SYSTEM)

    run.refresh_from_db()
    assert run.state == "exited"


@database
def test_a_paused_run_stands_still_with_its_message_until_it_is_resumed():
    live = make_live(EMAIL, DAY, EMAIL)
    held, going = make_runs(live, 2)
    engine.advance()
    only = Enrollment.objects.filter(pk=held.pk)

    assert lifecycle.pause(only, by=SYSTEM) == 1
    assert lifecycle.pause(only, by=SYSTEM) == 0

    held.refresh_from_db()
    assert (held.state, held.position) == ("paused", live.steps.all()[1].key)
    assert held.paused_at is not None
    assert Outbox.objects.get(subscriber=held.subscriber).held_at is not None
    assert Outbox.objects.get(subscriber=going.subscriber).held_at is None
    with clock.frozen(clock.now() + 2 * DAY):
        assert engine.advance() == 1

        assert lifecycle.resume(only, by=SYSTEM) == 1
        assert lifecycle.resume(only, by=SYSTEM) == 0

        held.refresh_from_db()
        assert (held.state, held.paused_at, held.due_at) == ("active", None, clock.now())
        assert Outbox.objects.get(subscriber=held.subscriber).held_at is None
        assert engine.advance() == 1
    audited = AuditEntry.objects.filter(verb__startswith="enrollment.").order_by("id")
    assert [(entry.verb, entry.changes) for entry in audited] == [
        ("enrollment.started", {"count": 2}),
        ("enrollment.paused", {"count": 1}),
        ("enrollment.resumed", {"count": 1}),
    ]


@database
def test_an_exit_ends_the_run_and_cancels_its_message():
    live = make_live(EMAIL, DAY, EMAIL)
    gone, going = make_runs(live, 2)
    engine.advance()

    assert lifecycle.exit(Enrollment.objects.filter(pk=gone.pk), by=SYSTEM, reason="moved") == 1
    assert lifecycle.exit(Enrollment.objects.filter(pk=gone.pk), by=SYSTEM) == 0

    gone.refresh_from_db()
    assert (gone.state, gone.reason) == ("exited", "moved")
    assert gone.ended_at is not None
    assert Outbox.objects.get(subscriber=gone.subscriber).cancelled_at is not None
    assert Outbox.objects.get(subscriber=going.subscriber).cancelled_at is None
    event = Event.objects.get(kind="enrollment.exited", source_id=live.pk)
    assert (event.subscriber_id, event.step_key, event.properties) == (
        gone.subscriber_id,
        live.steps.all()[1].key,
        {"run": 1, "version_id": live.live_version_id, "reason": "moved"},
    )
    with clock.frozen(clock.now() + 3 * DAY):
        assert engine.advance() == 1


@database
def test_runs_of_several_sequences_end_together():
    first, second = make_live(EMAIL), make_live(EMAIL)
    make_runs(first, 2)
    make_runs(second)
    engine.advance()

    assert lifecycle.exit(Enrollment.objects.all(), by=SYSTEM) == 3

    assert not Outbox.objects.filter(cancelled_at=None).exists()
    entries = AuditEntry.objects.filter(verb="enrollment.exited").order_by("object_id")
    assert [(entry.object_id, entry.changes) for entry in entries] == [
        (first.pk, {"count": 2, "reason": "by hand"}),
        (second.pk, {"count": 1, "reason": "by hand"}),
    ]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_an_exit_waits_for_the_engine_and_cancels_what_it_queues():
    live = make_live(EMAIL)
    (run,) = make_runs(live)

    @in_a_session_of_its_own
    def leave(run):
        return lifecycle.exit(Enrollment.objects.filter(pk=run.pk), by=SYSTEM)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            engine.advance_batch(10)
            leaving = pool.submit(leave, run)
            with pytest.raises(TimeoutError):
                leaving.result(timeout=0.3)
        assert leaving.result(timeout=10) == 1

    assert Outbox.objects.get().cancelled_at is not None


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_the_engine_passes_over_a_run_that_is_leaving():
    live = make_live(EMAIL)
    leaving, staying = make_runs(live, 2)

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        lifecycle.exit(Enrollment.objects.filter(pk=leaving.pk), by=SYSTEM)
        assert pool.submit(in_a_session_of_its_own(engine.advance)).result(timeout=10) == 1
    engine.advance()

    assert Outbox.objects.get().subscriber_id == staying.subscriber_id


STOPS = {
    "pause": lambda run: lifecycle.pause(Enrollment.objects.filter(pk=run.pk), by=SYSTEM),
    "exit": lambda run: lifecycle.exit(Enrollment.objects.filter(pk=run.pk), by=SYSTEM),
    "pause_sequence": lambda run: lifecycle.pause_sequence(run.sequence, by=SYSTEM),
    "archive_sequence": lambda run: lifecycle.archive_sequence(run.sequence, by=SYSTEM),
}


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_committed_before_the_wire_mark_wins(wire, before_mark, stop):
    live = make_live(EMAIL)
    (run,) = make_runs(live)
    engine.advance()
    before_mark(lambda: STOPS[stop](run))

    assert wire.send() == 0

    assert wire.journal == []
    assert not SendLedger.objects.filter(subscriber=run.subscriber, outcome="sent").exists()
