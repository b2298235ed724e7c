from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import brakes
from delivery.brakes import Brakes, Heard, Limits, State
from delivery.replies import Reply

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
NONE = Limits()


def told(answers, *, lane=None, after=timedelta(), limits=NONE, why="said so"):
    lane = lane or Brakes.new(NOW)
    return brakes.hear(lane, answers, why=why, now=NOW + after, limits=limits, jitter=0.5)


def taken(lane, want, *, after=timedelta(), limits=NONE):
    return brakes.take(lane, want, now=NOW + after, limits=limits)


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "stage", "letter"),
    [
        (250, "2.0.0", "queued", "dot", Heard.FINE),
        (550, "5.1.1", "no such user", "rcpt", Heard.FINE),
        (451, "4.7.1", "greylisted", "rcpt", Heard.FINE),
        (421, "4.3.2", "too many connections", "connect", Heard.BUSY),
        (421, "4.7.0", "try again later", "rcpt", Heard.BUSY),
        (0, "", "connection refused", "connect", Heard.LOST),
        (451, "4.7.28", "unusual rate", "dot", Heard.SLOW),
        (550, "5.7.1", "on our blocklist", "rcpt", Heard.UNWANTED),
        (553, "5.6.7", "not offered: the server does not take SMTPUTF8", "rcpt", Heard.FINE),
        (535, "5.7.8", "wrong password", "auth", Heard.AUTH),
        (530, "5.7.0", "authentication required", "mail", Heard.AUTH),
    ],
)
def test_what_a_reply_says_about_the_lane(code, enhanced, text, stage, letter):
    assert brakes.heard(Reply(code, enhanced, text, stage)) == letter


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ("....", State.OPEN),
        ("cccc", State.OPEN),
        ("cbc.cc", State.OPEN),
        ("ccbcc", State.RESTING),
        (".tt", State.OPEN),
        (".t.t..t", State.RESTING),
        ("p" * 9, State.OPEN),
        ("p" * 10, State.PAUSED),
        ("a", State.RESTING),
    ],
)
def test_when_a_lane_closes(answers, state):
    lane = told(answers)

    assert lane.state == state
    assert lane.reason == ("" if state == State.OPEN else "said so")


def test_only_the_last_fifty_answers_count():
    lane = told("p" * 9 + "." * 41)

    assert told("p", lane=lane).state == State.OPEN
    assert told("pp", lane=lane).state == State.OPEN
    assert told("p" * 10, lane=lane).state == State.PAUSED


def test_what_was_under_way_when_it_closed_changes_nothing():
    lane = told("p" * 10)

    assert told("." * 50, lane=lane).state == State.PAUSED


def test_a_third_refused_sign_in_waits_for_a_person():
    lane = told("a")
    for tries in (2, 3):
        lane, count = taken(lane, 5, after=tries * 10 * MINUTE)
        assert (lane.state, count) == (State.PROBING, 1)
        lane = told("a", lane=lane, after=tries * 10 * MINUTE)

    assert (lane.state, lane.reason) == (State.PAUSED, "said so")
    assert taken(lane, 5, after=DAY) == (lane, 0)


def test_rests_double_up_to_half_an_hour():
    lane, waits, at = told("c" * 5), [], timedelta()
    for _ in range(9):
        waits.append((lane.until - NOW - at).total_seconds())
        at = lane.until - NOW
        lane, _count = taken(lane, 1, after=at)
        lane = told("c", lane=lane, after=at)

    assert waits == [30, 60, 120, 240, 480, 960, 1920, 1920, 1920]


def test_one_message_tries_a_lane_that_has_rested():
    lane = told("c" * 5)

    assert brakes.allowance(lane, now=NOW + 29 * SECOND, limits=NONE) == 0
    assert brakes.allowance(lane, now=NOW + 30 * SECOND, limits=NONE) == 1
    probing, count = taken(lane, 400, after=30 * SECOND)
    assert (probing.state, count) == (State.PROBING, 1)
    assert taken(probing, 400, after=31 * SECOND) == (probing, 0)

    opened = told(".", lane=probing, after=31 * SECOND)
    assert (opened.state, opened.until) == (State.OPEN, None)
    # Nobody answers: somebody else may try.
    assert taken(probing, 400, after=130 * SECOND)[1] == 1


def test_a_probe_that_found_nothing_to_send_is_given_back():
    probing, _ = taken(told("c" * 5), 1, after=30 * SECOND)

    rested = brakes.give_back(probing, 1, now=NOW + 31 * SECOND, limits=NONE)

    assert taken(rested, 1, after=31 * SECOND)[1] == 1


def test_a_lane_that_is_told_to_slow_down_comes_back_at_half_its_pace():
    busy = told("." * 1000, after=10 * SECOND)  # 100 a second
    lane = told("ttt", lane=busy, after=11 * SECOND)
    probing, _ = taken(lane, 1, after=MINUTE)

    opened = told(".", lane=probing, after=MINUTE)

    assert (opened.state, opened.rate, opened.ceiling) == (State.OPEN, 50, 100)


def test_after_lost_connections_it_comes_back_at_a_quarter():
    busy = told("." * 4000, after=10 * SECOND)

    assert told("c" * 5, lane=busy, after=11 * SECOND).rate == 100
    assert told("c" * 5).rate == brakes.RETURN_RATE


def test_quiet_minutes_raise_the_rate_until_it_needs_no_limit():
    lane = replace(Brakes.new(NOW), rate=25.0, ceiling=100.0, rest_count=3)

    def rate(minutes):
        eased = told(".", lane=lane, after=minutes * MINUTE)
        return eased.rate, eased.rest_count

    assert [rate(minutes) for minutes in (0, 1, 2, 3, 4, 12)] == [
        *((25, 3), (50, 2), (100, 1), (110, 0), (120, 0), (None, 0))
    ]


def test_a_bucket_lets_through_its_rate_and_no_more():
    limits, lane, sent = Limits(rate=10), Brakes.new(NOW), 0
    for tick in range(101):  # ten seconds, asked ten times a second
        lane, count = taken(lane, 400, after=tick * SECOND / 10, limits=limits)
        sent += count

    assert sent == 100
    _, burst = taken(lane, 400, after=MINUTE, limits=limits)
    assert burst == 10


def test_a_slow_bucket_holds_one_message():
    limits = Limits(rate=0.1)
    lane, first = taken(Brakes.new(NOW), 5, after=10 * SECOND, limits=limits)
    _, soon = taken(lane, 5, after=19 * SECOND, limits=limits)
    _, later = taken(lane, 5, after=20 * SECOND, limits=limits)

    assert (first, soon, later) == (1, 0, 1)


@given(
    st.lists(st.tuples(st.floats(0.01, 3), st.integers(0, 50), st.integers(0, 50)), max_size=40),
    st.floats(0.1, 500),
)
def test_whatever_is_taken_and_given_back_the_rate_is_never_exceeded(visits, rate):
    limits, lane, at, left = Limits(rate=rate), Brakes.new(NOW), 0.0, 0
    for pause, want, unsent in visits:
        at += pause
        after = timedelta(seconds=at)
        lane, count = taken(lane, want, after=after, limits=limits)
        back = min(unsent, count)
        if back:
            lane = brakes.give_back(lane, back, now=NOW + after, limits=limits)
        left += count - back

    assert left <= rate * at + max(1, rate) + 1


def test_a_warm_up_holds_its_cap_and_grows_only_by_days_that_were_used():
    limits, lane = Limits(warm_up=True), Brakes.new(NOW)

    lane, first = taken(lane, 400, limits=limits)
    lane, more = taken(lane, 400, after=MINUTE, limits=limits)
    assert (first, more) == (50, 0)
    assert brakes.is_shut(lane, now=NOW + MINUTE, limits=limits)

    lane, second_day = taken(lane, 60, after=DAY, limits=limits)  # of 100: less than 80 %
    lane, third_day = taken(lane, 400, after=2 * DAY, limits=limits)
    lane = told("." * 90 + "t" * 2 + "." * 8, lane=lane, after=2 * DAY, limits=limits)
    lane, fourth_day = taken(lane, 400, after=3 * DAY, limits=limits)
    assert (second_day, third_day, fourth_day) == (60, 100, 200)

    lane = told("." * 190 + "pppppp", lane=lane, after=3 * DAY, limits=limits)  # 3 % refused
    _, fifth_day = taken(lane, 400, after=4 * DAY, limits=limits)
    assert fifth_day == 200


def test_a_probe_counts_for_the_day():
    limits = Limits(daily=50)
    lane, _ = taken(told("c" * 5, limits=limits), 5, after=30 * SECOND, limits=limits)
    assert (lane.state, lane.day_count) == (State.PROBING, 1)

    full = replace(told("c" * 5, limits=limits), day_count=50)
    assert taken(full, 5, after=30 * SECOND, limits=limits) == (full, 0)


def test_what_did_not_leave_returns_its_place_in_the_day():
    limits = Limits(daily=50)
    lane, _ = taken(Brakes.new(NOW), 50, limits=limits)

    lane = brakes.give_back(lane, 20, now=NOW, limits=limits)

    assert taken(lane, 400, limits=limits)[1] == 20


def test_421_halves_the_connections_once_and_quiet_minutes_bring_them_back():
    limits = Limits(connections=8)
    lane = told("b", after=MINUTE, limits=limits)
    lane = told("b", lane=lane, after=MINUTE + SECOND, limits=limits)
    assert lane.connections == 4
    lane = told("b.", lane=lane, after=MINUTE + 20 * SECOND, limits=limits)
    assert lane.connections == 2

    assert told(".", lane=lane, after=4 * MINUTE, limits=limits).connections == 4
    assert told(".", lane=lane, after=9 * MINUTE, limits=limits).connections is None


def test_a_person_releases_it_and_the_day_stays_counted():
    limits = Limits(daily=50)
    lane, _ = taken(Brakes.new(NOW), 30, limits=limits)
    lane = told("p" * 10, lane=lane, limits=limits)

    released = brakes.release(lane, now=NOW + MINUTE)

    assert (released.state, released.recent, released.day_count) == (State.OPEN, "", 30)


def test_health_is_the_share_of_answers_without_fault():
    assert (Brakes.new(NOW).health, told("...c").health, told("tp").health) == (1.0, 0.75, 0.0)
