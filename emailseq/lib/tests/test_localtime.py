from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emailseq.lib import localtime
from emailseq.lib.localtime import NeverOpen, Window

BERLIN, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")
NEW_YORK, LORD_HOWE = ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")
APIA, SAO_PAULO = ZoneInfo("Pacific/Apia"), ZoneInfo("America/Sao_Paulo")
WORKDAYS = frozenset({1, 2, 3, 4, 5})
OFFICE = Window(time(9), time(17), WORKDAYS)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "shown", "instant"),
    [
        (BERLIN, "2026-01-15 09:00", "2026-01-15 08:00"),
        (BERLIN, "2026-07-15 09:00", "2026-07-15 07:00"),
        (KATHMANDU, "2026-07-15 09:00", "2026-07-15 03:15"),
        (BERLIN, "2026-03-29 01:59", "2026-03-29 00:59"),
        pytest.param(BERLIN, "2026-03-29 02:00", "2026-03-29 01:00", id="the gap begins"),
        pytest.param(BERLIN, "2026-03-29 02:30", "2026-03-29 01:00", id="02:30 is skipped"),
        (BERLIN, "2026-03-29 03:00", "2026-03-29 01:00"),
        pytest.param(BERLIN, "2026-10-25 02:30", "2026-10-25 00:30", id="02:30 comes twice"),
        (BERLIN, "2026-10-25 03:00", "2026-10-25 02:00"),
        (NEW_YORK, "2026-03-08 02:30", "2026-03-08 07:00"),
        (NEW_YORK, "2026-11-01 01:30", "2026-11-01 05:30"),
        pytest.param(LORD_HOWE, "2026-10-04 02:15", "2026-10-03 15:30", id="half an hour skipped"),
        pytest.param(LORD_HOWE, "2026-04-05 01:45", "2026-04-04 14:45", id="half an hour twice"),
        pytest.param(SAO_PAULO, "2018-11-04 00:00", "2018-11-04 03:00", id="midnight is skipped"),
        pytest.param(APIA, "2011-12-30 09:00", "2011-12-30 10:00", id="the day is skipped"),
        (APIA, "2011-12-31 00:00", "2011-12-30 10:00"),
    ],
)
def test_a_local_time_is_an_instant(zone, shown, instant):
    wanted = datetime.fromisoformat(shown)

    assert localtime.at(wanted.date(), wanted.time(), zone) == utc(instant)


@pytest.mark.parametrize(
    ("zone", "clock", "since", "instant"),
    [
        pytest.param(BERLIN, "09:00", "2026-01-15 07:59", "2026-01-15 08:00", id="today"),
        pytest.param(BERLIN, "09:00", "2026-01-15 08:00", "2026-01-15 08:00", id="now"),
        pytest.param(BERLIN, "09:00", "2026-01-15 08:01", "2026-01-16 08:00", id="tomorrow"),
        pytest.param(BERLIN, "00:30", "2026-01-15 23:15", "2026-01-15 23:30", id="their tomorrow"),
        pytest.param(BERLIN, "02:30", "2026-03-28 12:00", "2026-03-29 01:00", id="in the gap"),
        pytest.param(BERLIN, "02:30", "2026-03-29 01:00", "2026-03-29 01:00", id="the gap ends"),
        pytest.param(BERLIN, "02:30", "2026-03-29 01:01", "2026-03-30 00:30", id="after the gap"),
        pytest.param(BERLIN, "02:30", "2026-10-25 00:00", "2026-10-25 00:30", id="the first 02:30"),
        pytest.param(BERLIN, "02:30", "2026-10-25 00:31", "2026-10-26 01:30", id="not the second"),
        pytest.param(APIA, "09:00", "2011-12-29 19:30", "2011-12-30 19:00", id="no 30 December"),
    ],
)
def test_the_next_time_that_a_clock_shows(zone, clock, since, instant):
    assert localtime.next_at(time.fromisoformat(clock), utc(since), zone) == utc(instant)


def test_the_next_of_some_days_of_the_week():
    tuesday_or_friday, nine = frozenset({2, 5}), time(9)

    def following(since, zone=BERLIN):
        return localtime.next_at(nine, utc(since), zone, on=tuesday_or_friday)

    assert following("2026-01-15 12:00") == utc("2026-01-16 08:00")  # Thursday
    assert following("2026-01-16 08:00") == utc("2026-01-16 08:00")
    assert following("2026-01-16 08:01") == utc("2026-01-20 08:00")
    # The Friday that Samoa skipped, crossing the date line.
    assert following("2011-12-29 12:00", APIA) == utc("2012-01-02 19:00")


def test_skipped_days_are_no_days():
    days = localtime.days(utc("2011-12-29 12:00"), APIA, back=1)

    assert [next(days).isoformat() for _ in range(4)] == [
        "2011-12-28",
        "2011-12-29",
        "2011-12-31",
        "2012-01-01",
    ]


@pytest.mark.parametrize(
    ("windows", "since", "instant"),
    [
        pytest.param([], "2026-01-17 03:00", "2026-01-17 03:00", id="without windows at once"),
        pytest.param([OFFICE], "2026-01-15 11:00", "2026-01-15 11:00", id="open"),
        pytest.param([OFFICE], "2026-01-15 05:00", "2026-01-15 08:00", id="before it opens"),
        pytest.param([OFFICE], "2026-01-15 16:00", "2026-01-16 08:00", id="it has just closed"),
        pytest.param([OFFICE], "2026-01-16 17:00", "2026-01-19 08:00", id="over the weekend"),
        pytest.param(
            [Window(time(22), time(6))], "2026-01-15 23:30", "2026-01-15 23:30", id="past midnight"
        ),
        pytest.param(
            [Window(time(22), time(6))], "2026-01-15 04:30", "2026-01-15 04:30", id="of yesterday"
        ),
        pytest.param(
            [Window(time(22), time(6))], "2026-01-15 05:00", "2026-01-15 21:00", id="in the morning"
        ),
        pytest.param(
            [Window(time(22), time(6), frozenset({6}))],
            "2026-01-18 04:59",
            "2026-01-18 04:59",
            id="the night of Saturday reaches into Sunday",
        ),
        pytest.param(
            [Window(time(22), time(6), frozenset({6}))],
            "2026-01-17 04:59",
            "2026-01-17 21:00",
            id="but not into Saturday",
        ),
        pytest.param(
            [Window(time(0), time(0), frozenset({7}))],
            "2026-01-15 12:00",
            "2026-01-17 23:00",
            id="all Sunday",
        ),
        pytest.param(
            [OFFICE, localtime.quiet_hours(time(16), time(10))],
            "2026-01-16 15:00",
            "2026-01-19 09:00",
            id="open and not quiet",
        ),
        pytest.param(
            [OFFICE, Window(time(9), time(12), zone="America/New_York")],
            "2026-01-15 08:00",
            "2026-01-15 14:00",
            id="theirs and ours",
        ),
        pytest.param(
            [Window(time(2, 30), time(4))],
            "2026-03-29 00:00",
            "2026-03-29 01:00",
            id="opens in the gap",
        ),
        pytest.param(
            [Window(time(2, 10), time(2, 50))],
            "2026-03-29 00:00",
            "2026-03-30 00:10",
            id="lies in the gap",
        ),
        pytest.param(
            [Window(time(2), time(2, 30))],
            "2026-10-25 00:30",
            "2026-10-26 01:00",
            id="is not open a second time",
        ),
        pytest.param(
            [Window(time(2, 10), time(2, 50), frozenset({7}))],
            "2026-03-22 12:00",
            "2026-04-05 00:10",
            id="a week without an opening",
        ),
    ],
)
def test_the_next_opening(windows, since, instant):
    assert localtime.next_open(windows, utc(since), BERLIN) == utc(instant)


def test_a_window_does_not_open_on_a_day_that_is_skipped():
    fridays = Window(time(9), time(17), frozenset({5}))

    assert localtime.next_open([fridays], utc("2011-12-29 12:00"), APIA) == utc("2012-01-05 19:00")


@pytest.mark.parametrize(
    "windows",
    [
        [OFFICE, Window(time(9), time(17), frozenset({6, 7}))],
        [OFFICE, localtime.quiet_hours(time(8), time(18))],
        [OFFICE, Window(time(17), time(9))],
    ],
)
def test_windows_without_a_common_opening_have_a_name(windows):
    with pytest.raises(NeverOpen, match="no time in common in Europe/Berlin"):
        localtime.next_open(windows, utc("2026-01-15 12:00"), BERLIN)


def test_windows_of_two_zones_may_meet_for_some_and_not_for_others():
    windows = [
        Window(time(9), time(17), zone="Europe/Berlin"),
        localtime.quiet_hours(time(22), time(8)),
    ]

    assert localtime.next_open(windows, utc("2026-01-15 12:00"), NEW_YORK) == utc(
        "2026-01-15 13:00"
    )
    with pytest.raises(NeverOpen):
        localtime.next_open(windows, utc("2026-01-15 12:00"), ZoneInfo("Pacific/Honolulu"))


def test_what_never_opens_is_no_window():
    with pytest.raises(NeverOpen, match="needs a day"):
        Window(time(9), time(17), frozenset())
    with pytest.raises(NeverOpen, match="never end"):
        localtime.quiet_hours(time(9), time(9))


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "Europe", "\0"]
)
def test_a_bad_zone_gives_way(name):
    assert localtime.zone_or(name, BERLIN) == (BERLIN, False)
    assert localtime.zone_or("Asia/Kathmandu", BERLIN) == (KATHMANDU, True)


ZONES = st.sampled_from([BERLIN, KATHMANDU, NEW_YORK, LORD_HOWE, APIA, SAO_PAULO])
INSTANTS = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
WINDOWS = st.builds(
    Window,
    TIMES,
    TIMES,
    st.frozensets(st.integers(1, 7), min_size=1),
    st.sampled_from(["", "Europe/Berlin"]),
)


@settings(deadline=None)
@given(TIMES, INSTANTS, ZONES)
def test_the_next_time_is_the_first_that_the_clock_shows(clock, since, zone):
    instant = localtime.next_at(clock, since, zone)

    assert since <= instant <= since + timedelta(days=2, hours=1)
    shown = instant.astimezone(zone)
    if shown.time() == clock:
        assert shown.fold == 0
    else:  # a gap: one moment before, the clock showed what is earlier than `clock`
        moment_before = (instant - timedelta(seconds=1)).astimezone(zone)
        assert moment_before.replace(tzinfo=None) < datetime.combine(shown.date(), clock)
        assert shown.time() > clock


def is_open(window, instant, zone):
    """The same by counting, for instants that no change of clocks is near."""
    shown = instant.astimezone(ZoneInfo(window.zone) if window.zone else zone)
    opened_on = {date.isoweekday(shown), date.isoweekday(shown - timedelta(days=1))}
    if window.opens < window.closes:
        return shown.isoweekday() in window.weekdays and (
            window.opens <= shown.time() < window.closes
        )
    return opened_on & window.weekdays and (
        (shown.isoweekday() in window.weekdays and shown.time() >= window.opens)
        or (
            (shown - timedelta(days=1)).isoweekday() in window.weekdays
            and shown.time() < window.closes
        )
    )


def clocks_change_near(instant, zone):
    return any(
        (instant + timedelta(days=n)).astimezone(each).utcoffset()
        != instant.astimezone(each).utcoffset()
        for n in (-2, -1, 1, 2)
        for each in (zone, BERLIN)
    )


@settings(deadline=None)
@given(st.lists(WINDOWS, min_size=1, max_size=3), INSTANTS, ZONES)
def test_the_next_opening_is_the_first_at_which_all_are_open(windows, since, zone):
    try:
        instant = localtime.next_open(windows, since, zone)
    except NeverOpen:
        instant = since + localtime.SEARCH
    else:
        assert localtime.next_open(windows, instant, zone) == instant
        assert clocks_change_near(instant, zone) or all(
            is_open(window, instant, zone) for window in windows
        )

    assert instant >= since
    for moment in range(int((instant - since).total_seconds()) // 900):
        between = since + timedelta(seconds=900 * moment)
        if not clocks_change_near(between, zone):
            assert not all(is_open(window, between, zone) for window in windows)
