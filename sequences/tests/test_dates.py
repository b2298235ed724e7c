"""Runs that start because a date of somebody comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from sequences.models import Enrollment, Trigger
from sequences.services import dates, edit
from sequences.tests.living import HELLO, make_playing
from subscribers import services as people
from subscribers.models import Subscriber
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BIRTHDAY = {"kind": "date", "field": "born", "time": "09:00", "yearly": True}
RENEWAL = {"kind": "date", "field": "renewal", "offset_days": -5, "time": "09:00"}


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def news():
    workspace = WorkspaceFactory(time_zone="Europe/Berlin")
    return ListFactory(workspace=workspace)


def make_dated(news, trigger, kind="date", **settings):
    return make_playing(
        HELLO,
        triggers=[trigger],
        workspace=news.workspace,
        list=news,
        fields=((trigger["field"], kind),),
        **settings,
    )


def person(news, zone="", **fields):
    (made,) = make_audience(1, on=news)
    people.upsert(news.workspace, email=made.email, time_zone=zone, fields=fields, by=SYSTEM)
    return made


def looks(since, until, *, step=timedelta(hours=1)):
    """The ticks between two instants: when a run of whom began."""
    found, now = [], since
    known = {*Enrollment.objects.values_list("pk", flat=True)}
    while now <= until:
        with clock.frozen(now):
            dates.start_by_dates()
        for run in Enrollment.objects.exclude(pk__in=known).order_by("subscriber"):
            found.append((run.subscriber_id, now))
            known.add(run.pk)
        now += step
    return found


def test_each_has_their_day_on_their_own_clock_and_only_once(news):
    make_dated(news, RENEWAL)
    berlin, tokyo = (
        person(news, renewal="2026-06-10"),
        person(news, "Asia/Tokyo", renewal="2026-06-10"),
    )
    person(news, renewal="2026-06-11")
    person(news)
    lost = person(news, renewal="2026-06-10")
    Subscriber.objects.filter(pk=lost.pk).update(time_zone="Atlantis/Capital")

    found = looks(at("2026-06-04T12:00"), at("2026-06-05T22:00"))

    assert found == [
        (tokyo.pk, at("2026-06-05T00:00")),
        (berlin.pk, at("2026-06-05T07:00")),
        (lost.pk, at("2026-06-05T07:00")),
    ]
    run = Enrollment.objects.get(subscriber=berlin)
    assert run.entry == {"field": "renewal", "value": "2026-06-10", "date": "2026-06-10"}


@pytest.mark.parametrize(
    ("year", "day"), [(2027, "02-28"), (2028, "02-29")], ids=["common year", "leap year"]
)
def test_who_was_born_on_29_february_has_a_birthday_every_year(news, year, day):
    make_dated(news, BIRTHDAY)
    leapling = person(news, "UTC", born="1992-02-29")
    person(news, "UTC", born="1992-03-01")

    found = looks(at(f"{year}-02-27T12:00"), at(f"{year}-03-01T08:00"))

    assert found == [(leapling.pk, at(f"{year}-{day}T09:00"))]


def test_a_birthday_comes_again_next_year(news):
    make_dated(news, BIRTHDAY, re_entry="always")
    child = person(news, "UTC", born="2015-12-31")
    looks(at("2026-12-31T08:00"), at("2026-12-31T10:00"))
    Enrollment.objects.update(state="completed", ended_at=clock.now())

    found = looks(at("2026-12-31T11:00"), at("2027-12-31T11:00"), step=timedelta(days=73))

    assert found == [(child.pk, at("2027-12-31T11:00"))]


def test_an_instant_stands_for_its_day_where_the_person_is(news):
    make_dated(news, {**RENEWAL, "offset_days": 0}, kind="datetime")
    west = person(news, "America/New_York", renewal="2026-06-11T02:00:00Z")  # the evening before
    east = person(news, "UTC", renewal="2026-06-11T02:00:00Z")

    found = looks(at("2026-06-09T12:00"), at("2026-06-11T12:00"))

    assert found == [(west.pk, at("2026-06-10T13:00")), (east.pk, at("2026-06-11T09:00"))]


def test_nothing_is_passed_over_while_nobody_looks_and_nothing_from_before_is_meant(news):
    live = make_dated(news, RENEWAL)
    early, due = (
        person(news, "UTC", renewal="2026-06-10"),
        person(news, "UTC", renewal="2026-06-12"),
    )

    with clock.frozen(at("2026-06-05T10:00")):
        dates.start_by_dates()
    with clock.frozen(at("2026-06-09T10:00")):
        assert dates.start_by_dates() == 1
        assert dates.start_by_dates() == 0

    assert live.enrollments.get().subscriber == due
    assert early.enrollments.count() == 0


def test_moving_west_brings_no_second_birthday(news):
    make_dated(news, BIRTHDAY, re_entry="always")
    traveller = person(news, "Asia/Tokyo", born="1990-05-05")
    assert len(looks(at("2026-05-04T12:00"), at("2026-05-05T03:00"))) == 1
    Enrollment.objects.update(state="completed", ended_at=clock.now())

    people.upsert(news.workspace, email=traveller.email, time_zone="America/New_York", by=SYSTEM)

    assert looks(at("2026-05-05T04:00"), at("2026-05-06T03:00")) == []


def test_many_of_one_day_come_page_by_page_and_a_kill_between_pages_costs_nothing(
    news, monkeypatch
):
    monkeypatch.setattr(dates, "PAGE", 2)
    make_dated(news, RENEWAL, re_entry="always")
    crowd = [person(news, "UTC", renewal="2026-06-10") for _ in range(5)]
    with clock.frozen(at("2026-06-05T08:59")):
        dates.start_by_dates()
    pages = []
    whole = dates.start

    def dies(asks):
        pages.append(1)
        if len(pages) == 2:
            raise OSError("killed")
        return whole(asks)

    monkeypatch.setattr(dates, "start", dies)
    with clock.frozen(at("2026-06-05T09:00")), pytest.raises(OSError, match="killed"):
        dates.start_by_dates()
    assert Enrollment.objects.count() == 2
    Enrollment.objects.update(state="completed", ended_at=clock.now())

    with clock.frozen(at("2026-06-05T09:01")):
        assert dates.start_by_dates() == 3

    assert sorted(Enrollment.objects.values_list("subscriber", flat=True)) == [
        each.pk for each in crowd
    ]


def test_an_edit_of_other_triggers_does_not_forget_where_it_has_looked(news):
    live = make_dated(news, RENEWAL)
    due = person(news, "UTC", renewal="2026-06-10")
    with clock.frozen(at("2026-06-05T08:59")):
        dates.start_by_dates()

    joining = {"kind": "list_joined", "list": news}
    edit.set_triggers(live, triggers=[joining, RENEWAL], by=SYSTEM)
    assert Trigger.objects.filter(kind="list_joined").count() == 1
    with clock.frozen(at("2026-06-05T09:00")):
        dates.start_by_dates()

    assert live.enrollments.get().subscriber == due


def test_publishing_a_draft_does_not_mean_the_dates_of_before(news):
    live = make_dated(news, RENEWAL)
    person(news, "UTC", renewal="2026-06-10")
    type(live).objects.filter(pk=live.pk).update(state="draft")
    for minute in range(3):
        with clock.frozen(at("2026-06-05T09:00") + minute * MINUTE):
            dates.start_by_dates()
    type(live).objects.filter(pk=live.pk).update(state="live")

    with clock.frozen(at("2026-06-05T09:03")):
        assert dates.start_by_dates() == 0
