from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emailseq.lib.errors import Invalid
from sequences import schedule
from sequences.schedule import Delay, UntilDate, UntilTime, UntilWeekday

BERLIN, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")
NEW_YORK, LORD_HOWE = ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")
APIA = ZoneInfo("Pacific/Apia")
NINE = time(9)
WEEKEND = frozenset({6, 7})


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on_date(field="day", days=0, clock=NINE, *, yearly=False):
    return UntilDate(field, timedelta(days=days), clock, yearly)


@pytest.mark.parametrize(
    ("wait", "zone", "since", "over_at"),
    [
        (Delay(timedelta(hours=36)), BERLIN, "2026-03-28 12:00", "2026-03-30 00:00"),
        (UntilTime(NINE), BERLIN, "2026-01-15 08:30", "2026-01-16 08:00"),
        (UntilTime(NINE), NEW_YORK, "2026-01-15 08:30", "2026-01-15 14:00"),
        (UntilTime(NINE), KATHMANDU, "2026-01-15 08:30", "2026-01-16 03:15"),
        pytest.param(
            UntilTime(time(2, 30)), BERLIN, "2026-03-28 12:00", "2026-03-29 01:00", id="gap"
        ),
        pytest.param(
            UntilTime(time(1, 45)), LORD_HOWE, "2026-04-04 12:00", "2026-04-04 14:45", id="twice"
        ),
        (UntilWeekday(WEEKEND, NINE), BERLIN, "2026-01-15 08:30", "2026-01-17 08:00"),
        (UntilWeekday(WEEKEND, NINE), APIA, "2026-01-15 08:30", "2026-01-16 20:00"),
    ],
)
def test_when_a_wait_is_over(wait, zone, since, over_at):
    found = schedule.over_at(wait, utc(since), zone=zone, fields={})

    assert found == utc(over_at)


@pytest.mark.parametrize(
    ("wait", "day", "over_at"),
    [
        (on_date(), "2026-05-01", "2026-05-01 07:00"),
        (on_date(days=-5), "2026-05-01", "2026-04-26 07:00"),
        (on_date(days=3), "2025-12-31", "2026-01-15 12:00"),
        pytest.param(on_date(), "2026-01-15", "2026-01-15 12:00", id="past since this morning"),
        pytest.param(on_date(clock=time(18)), "2026-01-15", "2026-01-15 17:00", id="this evening"),
        (on_date(clock=time(2, 30)), "2026-03-29", "2026-03-29 01:00"),
        pytest.param(on_date(), date(2026, 5, 1), "2026-05-01 07:00", id="a date"),
        pytest.param(on_date(), utc("2026-05-01 23:00"), "2026-05-02 07:00", id="an instant"),
        (on_date(), "2026-05-01T23:00:00Z", "2026-05-02 07:00"),
        (on_date(), "2026-05-01T23:00:00", "2026-05-01 07:00"),
        (on_date(yearly=True), "1980-05-01", "2026-05-01 07:00"),
        (on_date(yearly=True), "1980-01-15", "2027-01-15 08:00"),
        (on_date(yearly=True, clock=time(18)), "1980-01-15", "2026-01-15 17:00"),
        (on_date(yearly=True, days=-14), "1980-01-20", "2027-01-06 08:00"),
        (on_date(yearly=True, days=-14), "1980-01-30", "2026-01-16 08:00"),
        (on_date(yearly=True, days=30), "1980-12-20", "2026-01-19 08:00"),
        (on_date(yearly=True, days=-400), "1980-05-01", "2026-03-27 08:00"),
        (on_date(yearly=True, days=400), "1980-05-01", "2026-06-05 07:00"),
        pytest.param(on_date(yearly=True), "2000-02-29", "2026-02-28 08:00", id="29 February"),
        (on_date(yearly=True, days=1), "2000-02-29", "2026-03-01 08:00"),
        pytest.param(on_date(yearly=True), "2030-05-01", "2026-05-01 07:00", id="still to come"),
    ],
)
def test_when_a_date_is_reached(wait, day, over_at):
    noon, fields = utc("2026-01-15 12:00"), {"day": day}

    assert schedule.over_at(wait, noon, zone=BERLIN, fields=fields) == utc(over_at)
    assert schedule.objection(wait, zone=BERLIN, fields=fields) == ""


def test_the_anniversary_of_29_february():
    wait, fields = on_date(yearly=True), {"day": "2000-02-29"}

    def following(since):
        return schedule.over_at(wait, utc(since), zone=BERLIN, fields=fields)

    assert following("2027-06-01 12:00") == utc("2028-02-29 08:00")
    assert following("2028-02-29 08:01") == utc("2029-02-28 08:00")


def test_an_anniversary_on_new_years_eve_is_that_of_the_local_year():
    party = on_date(yearly=True, clock=time(20))
    since, fields = utc("2026-01-01 00:30"), {"day": "1990-12-31"}

    over_at = schedule.over_at(party, since, zone=NEW_YORK, fields=fields)

    assert over_at == utc("2026-01-01 01:00")


@pytest.mark.parametrize("day", [None, "", "soon", "2026-02-30", 20260501, True, "0001-01-01", {}])
@pytest.mark.parametrize("yearly", [True, False])
def test_without_a_date_one_goes_on_at_once(day, yearly):
    wait, noon = on_date(yearly=yearly), utc("2026-01-15 12:00")

    for fields in ({"day": day}, {}):
        assert schedule.over_at(wait, noon, zone=BERLIN, fields=fields) == noon
        objection = schedule.objection(wait, zone=BERLIN, fields=fields)
        assert objection == "There is no date in “day”."


def test_only_dates_can_be_missing():
    for wait in (Delay(timedelta(days=1)), UntilTime(NINE), UntilWeekday(WEEKEND, NINE)):
        assert schedule.objection(wait, zone=BERLIN, fields={}) == ""


TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
WAITS = st.one_of(
    st.builds(Delay, st.timedeltas(timedelta(seconds=1), timedelta(days=3000))),
    st.builds(UntilTime, TIMES),
    st.builds(UntilWeekday, st.frozensets(st.integers(1, 7), min_size=1), TIMES),
    st.builds(
        UntilDate,
        st.just("day"),
        st.builds(timedelta, days=st.integers(-3660, 3660)),
        TIMES,
        st.booleans(),
    ),
)
ZONES = st.sampled_from([BERLIN, KATHMANDU, NEW_YORK, LORD_HOWE, APIA])
INSTANTS = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@settings(deadline=None)
@given(WAITS, INSTANTS, ZONES, DAYS)
def test_no_wait_is_over_before_it_began_and_a_later_one_never_before_an_earlier_one(
    wait, since, zone, day
):
    def over_at(moment):
        return schedule.over_at(wait, moment, zone=zone, fields={"day": day.isoformat()})

    assert over_at(since) >= since
    assert over_at(since + timedelta(hours=1)) >= over_at(since)
    if not isinstance(wait, Delay):
        assert over_at(over_at(since)) == over_at(since), "who waits twice waits once"


@given(WAITS)
def test_a_wait_survives_json(wait):
    assert schedule.parse(schedule.dump(wait)) == wait


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (3, "/wait"),
        ({}, "/wait"),
        ({"seconds": 0}, "/wait/seconds"),
        ({"seconds": -1}, "/wait/seconds"),
        ({"seconds": "60"}, "/wait/seconds"),
        ({"seconds": True}, "/wait/seconds"),
        ({"seconds": 400_000_000}, "/wait/seconds"),
        ({"seconds": float("nan")}, "/wait/seconds"),
        ({"seconds": 60, "time": "09:00"}, "/wait/time"),
        ({"time": "9:00"}, "/wait/time"),
        ({"time": "24:00"}, "/wait/time"),
        ({"time": 9}, "/wait/time"),
        ({"weekdays": [], "time": "09:00"}, "/wait/weekdays"),
        ({"weekdays": [1, 8], "time": "09:00"}, "/wait/weekdays/1"),
        ({"weekdays": [True], "time": "09:00"}, "/wait/weekdays/0"),
        ({"weekdays": [1]}, "/wait/time"),
        ({"field": "", "time": "09:00"}, "/wait/field"),
        ({"field": "day", "time": "09:00", "offset_days": 0.5}, "/wait/offset_days"),
        ({"field": "day", "time": "09:00", "offset_days": 3661}, "/wait/offset_days"),
        ({"field": "day", "time": "09:00", "yearly": 1}, "/wait/yearly"),
        ({"field": "day", "time": "09:00", "monthly": True}, "/wait/monthly"),
    ],
)
def test_what_is_no_wait_is_refused(data, pointer):
    with pytest.raises(Invalid) as refusal:
        schedule.parse(data, at="/wait")

    assert [error.pointer for error in refusal.value.errors] == [pointer]
