"""People who match already are let in at a pace."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from emailseq.lib import clock
from emailseq.lib.errors import Conflict, Invalid, StateConflict
from sequences.models import Backfill, Enrollment
from sequences.services import backfill, lifecycle
from sequences.tests.factories import EMAIL, make_draft, make_live, make_runs
from sequences.tests.living import HELLO, make_playing
from subscribers import services as people
from subscribers.models import Subscription
from subscribers.tests.factories import make_audience

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def start():
    return clock.db_now()


def begin(sequence, per_day, at):
    with clock.frozen(at):
        return backfill.start_backfill(sequence, per_day=per_day, by=SYSTEM)


def inside(sequence):
    return [*sequence.enrollments.order_by("pk").values_list("subscriber", flat=True)]


def test_so_many_a_day_spread_over_the_day_until_all_are_in(start):
    live = make_live(EMAIL)
    crowd = [person.pk for person in make_audience(30, on=live.list)]
    made = begin(live, 24, start)

    counts = []
    for hour in range(32):
        with clock.frozen(start + hour * HOUR):
            backfill.go_on()
            assert backfill.go_on() == 0
        counts.append(len(inside(live)))

    assert counts[:24] == [*range(1, 25)]
    assert counts[-1] == 30
    assert inside(live) == crowd
    made.refresh_from_db()
    assert (made.state, made.started_count, made.ended_at) == ("finished", 30, start + 30 * HOUR)


def test_only_those_of_now_who_match_and_have_not_been_are_let_in(start):
    live = make_playing(HELLO, entry_rule=None)
    (been,) = make_runs(live)
    vip, other, left = make_audience(3, on=live.list)
    (elsewhere,) = make_audience(1, on=make_live(EMAIL, workspace=live.workspace).list)
    for person in (vip, been.subscriber, left, elsewhere):
        people.tag(person, name="VIP", by=SYSTEM)
    Subscription.objects.filter(subscriber=left).update(state="unsubscribed")
    live.entry_rule = {"tag": "vip", "op": "has"}
    live.save()
    begin(live, 1000, start)
    (late,) = make_audience(1, on=live.list)
    people.tag(late, name="VIP", by=SYSTEM)

    for hour in range(3):
        with clock.frozen(start + hour * HOUR):
            backfill.go_on()

    assert inside(live) == [been.subscriber_id, vip.pk]
    assert other.pk not in inside(live)


def test_what_was_missed_while_nobody_worked_is_not_made_up_for_in_a_rush(start):
    live = make_live(EMAIL)
    make_audience(200, on=live.list)
    begin(live, 48, start)

    with clock.frozen(start + 2 * DAY):
        assert backfill.go_on() == 3  # an hour's worth, and the one of now
    with clock.frozen(start + 2 * DAY + HOUR):
        assert backfill.go_on() == 2


def test_a_kill_costs_nothing_and_doubles_nothing(start, monkeypatch):
    live = make_live(EMAIL)
    crowd = [person.pk for person in make_audience(6, on=live.list)]
    begin(live, 24 * 60, start)
    whole = Backfill.save

    with monkeypatch.context() as patch:
        patch.setattr(backfill, "PAGE", 2)
        with clock.frozen(start + 2 * timedelta(minutes=1)):
            backfill.go_on()
        patch.setattr(backfill, "start", lambda asks: 1 / 0)
        with clock.frozen(start + HOUR), pytest.raises(ZeroDivisionError):
            backfill.go_on()
    assert inside(live) == crowd[:3]
    with clock.frozen(start + HOUR):
        backfill.go_on()

    assert inside(live) == crowd
    assert whole is Backfill.save


def test_a_backfill_is_cancelled_and_who_is_inside_stays(start):
    live = make_live(EMAIL)
    make_audience(5, on=live.list)
    made = begin(live, 24, start)
    with clock.frozen(start):
        backfill.go_on()
        assert backfill.cancel_backfill(made, by=SYSTEM) is True
        assert backfill.cancel_backfill(made, by=SYSTEM) is False
    with clock.frozen(start + DAY):
        assert backfill.go_on() == 0

    assert len(inside(live)) == 1
    assert Enrollment.objects.get().state == "active"
    verbs = AuditEntry.objects.filter(verb__startswith="backfill.").order_by("id")
    assert [*verbs.values_list("verb", flat=True)] == ["backfill.started", "backfill.cancelled"]
    assert begin(live, 24, start + DAY).pk != made.pk


def test_one_at_a_time_and_only_of_what_takes_people_in(start):
    live = make_live(EMAIL)
    made = begin(live, 24, start)
    with pytest.raises(Conflict, match="is running"):
        begin(live, 24, start)
    with pytest.raises(Invalid, match="people a day"):
        begin(live, 0, start)
    with pytest.raises(StateConflict):
        begin(make_draft(EMAIL), 24, start)

    lifecycle.archive_sequence(live, by=SYSTEM)
    assert backfill.go_on() == 0
    made.refresh_from_db()
    assert made.state == "cancelled"
