"""What is made of what became due while a sequence was paused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from delivery.models import Outbox, SendLedger
from emailseq.lib import clock
from emailseq.lib.errors import Invalid, StateConflict
from sequences import engine
from sequences.models import Enrollment, Resumption
from sequences.services import lifecycle, resuming
from sequences.tests.factories import DAY, EMAIL, let_leave, make_draft, make_live, make_runs
from sequences.tests.living import queued, told

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def start():
    return clock.db_now()


@pytest.fixture
def paused(start):
    """Paused half a day after five people got their first mail; a wait of a day was before them."""
    live = make_live(EMAIL, DAY, EMAIL, DAY, EMAIL)
    with clock.frozen(start):
        make_runs(live, 5)
        engine.advance()
        let_leave()
        SendLedger.objects.update(finished_at=start)
    with clock.frozen(start + 12 * HOUR):
        lifecycle.pause_sequence(live, by=SYSTEM)
    return live


def resume(sequence, at, **policy):
    with clock.frozen(at):
        return resuming.resume(sequence, by=SYSTEM, **policy)


def keys(sequence):
    return [*sequence.steps.order_by("position").values_list("key", flat=True)]


def test_one_sees_first_what_would_be_overdue(paused, start):
    stuck = make_live(EMAIL)
    with clock.frozen(start):
        make_runs(stuck, 2)
        engine.advance()
        lifecycle.pause_sequence(stuck, by=SYSTEM)
    with clock.frozen(start + 3 * DAY):
        assert resuming.overdue(paused) == (5, 5, 0, 0)
        assert resuming.overdue(paused, stale_after=5 * DAY) == (5, 0, 0, 0)
        assert resuming.overdue(stuck) == (2, 2, 2, 2)
    with clock.frozen(start + 13 * HOUR):
        assert resuming.overdue(paused) == (0, 0, 0, 0)


def test_late_it_happens_at_once(paused, start):
    assert resume(paused, start + 3 * DAY) is True
    with clock.frozen(start + 3 * DAY):
        assert engine.advance() == 5

    assert paused.state == "live"
    assert queued() == [keys(paused)[2]] * 5
    assert resume(paused, start + 3 * DAY) is False


def test_what_is_stale_is_skipped_and_its_run_goes_on(paused, start):
    fresh = Enrollment.objects.order_by("pk").last()
    Enrollment.objects.filter(pk=fresh.pk).update(entered_step_at=start + 2 * DAY - HOUR)
    Enrollment.objects.filter(pk=fresh.pk).update(due_at=start + 3 * DAY - HOUR)
    now = start + 3 * DAY

    resume(paused, now, overdue="skip", stale_after=DAY)
    with clock.frozen(now):
        engine.advance()

    third = keys(paused)[2]
    assert [*Outbox.objects.values_list("subscriber", "step_key")] == [(fresh.subscriber_id, third)]
    skipped = Enrollment.objects.order_by("pk").first()
    assert (skipped.position, skipped.skips) == (keys(paused)[3], False)
    assert skipped.due_at == now + DAY
    assert told(skipped.subscriber, "enrollment.step")[2:] == [
        ("enrollment.step", third, "skipped: out of date"),
        ("enrollment.step", keys(paused)[3], ""),
    ]
    with clock.frozen(now + DAY):
        engine.advance()
    assert [
        *Outbox.objects.filter(subscriber=skipped.subscriber).values_list("step_key", flat=True)
    ] == [keys(paused)[4]]


def test_a_run_whose_last_message_is_stale_completes(start):
    live = make_live(EMAIL)
    (run,) = make_runs(live)
    with clock.frozen(start):
        lifecycle.pause_sequence(live, by=SYSTEM)
    Enrollment.objects.update(due_at=start)

    resume(live, start + 3 * DAY, overdue="skip", stale_after=DAY)
    with clock.frozen(start + 3 * DAY):
        engine.advance()

    run.refresh_from_db()
    assert (run.state, Outbox.objects.exists()) == ("completed", False)


def test_a_stale_message_in_the_outbox_is_cancelled(start):
    live = make_live(EMAIL)
    with clock.frozen(start):
        make_runs(live, 2)
        engine.advance()
        lifecycle.pause_sequence(live, by=SYSTEM)
    Outbox.objects.filter(pk=Outbox.objects.first().pk).update(run_at=start + 3 * DAY - HOUR)

    resume(live, start + 3 * DAY, overdue="skip", stale_after=DAY)

    assert Outbox.objects.exclude(cancelled_at=None).count() == 1


def test_all_waits_are_longer_by_the_pause(paused, start):
    resume(paused, start + 3 * DAY + 12 * HOUR, overdue="shift")
    with clock.frozen(start + 3 * DAY + 12 * HOUR):
        assert engine.advance() == 0
        run = Enrollment.objects.first()
        assert run.due_at == start + 4 * DAY
    with clock.frozen(start + 4 * DAY - HOUR):
        Enrollment.objects.update(due_at=start)  # asked too early, it is still not due
        engine.advance()
        assert queued() == []
    with clock.frozen(start + 4 * DAY + HOUR):
        engine.advance()
    assert len(queued()) == 5


def test_it_happens_bit_by_bit(paused, start):
    now = start + 3 * DAY
    resume(paused, now, overdue="spread", per_hour=2)

    counts = []
    for half in range(7):
        with clock.frozen(now + half * HOUR / 2):
            engine.advance()
        counts.append(len(queued()))
    assert counts == [0, 1, 2, 3, 4, 5, 5]


def test_messages_are_spread_before_runs(start):
    live = make_live(EMAIL, DAY, EMAIL)
    with clock.frozen(start):
        make_runs(live, 3)
        engine.advance()
        lifecycle.pause_sequence(live, by=SYSTEM)
    make_runs(live, 1)
    Enrollment.objects.filter(position="").update(due_at=start)
    Enrollment.objects.exclude(position="").update(due_at=start + 10 * DAY)

    resume(live, start + DAY, overdue="spread", per_hour=1)

    assert [*Outbox.objects.order_by("run_at").values_list("run_at", flat=True)] == [
        start + DAY + hour * HOUR for hour in (1, 2, 3)
    ]
    assert Enrollment.objects.get(position="").due_at == start + DAY + 4 * HOUR


@pytest.mark.parametrize(
    ("policy", "due"),
    [({"overdue": "shift"}, "shifted"), ({"overdue": "spread", "per_hour": 60}, "spread")],
)
def test_a_kill_half_way_is_made_good_by_the_tick_and_nothing_leaves_before(
    paused, start, monkeypatch, policy, due
):
    now = start + 3 * DAY + 12 * HOUR
    monkeypatch.setattr(resuming, "CHUNK", 2)
    with monkeypatch.context() as patch:
        patch.setattr(resuming, "AT_ONCE_SECONDS", -1)
        resume(paused, now, **policy)  # one chunk, and no more
    assert paused.state == "paused"
    with clock.frozen(now):
        assert engine.advance() == 0
        assert resuming.go_on() == 1
        assert resuming.go_on() == 0

    paused.refresh_from_db()
    assert (paused.state, paused.paused_at) == ("live", None)
    at = [*Enrollment.objects.order_by("due_at").values_list("due_at", flat=True)]
    minute = timedelta(minutes=1)
    spread = [now + number * minute for number in range(1, 6)]
    assert at == (spread if due == "spread" else [start + 4 * DAY] * 5)
    assert Resumption.objects.get().finished_at == now


@pytest.mark.parametrize(
    ("policy", "what"),
    [
        ({"overdue": "never"}, "one of"),
        ({"overdue": "skip"}, "how old"),
        ({"overdue": "late", "stale_after": DAY}, "how old"),
        ({"overdue": "skip", "stale_after": -DAY}, "negative"),
        ({"overdue": "spread"}, "how many"),
        ({"overdue": "spread", "per_hour": 0}, "Between"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(paused, start, policy, what):
    with pytest.raises(Invalid, match=what):
        resume(paused, start + DAY, **policy)
    paused.refresh_from_db()
    assert paused.state == "paused"
    assert not Resumption.objects.exists()


def test_a_draft_does_not_resume(start):
    with pytest.raises(StateConflict):
        resume(make_draft(EMAIL), start)
