"""When somebody reads, by what they did and what others do, and whether they have gone."""

from __future__ import annotations

import pytest

from analytics.besthour import best_hour, seems_gone

NOBODY = [0] * 24


def at(**hours):
    return [hours.get(f"h{hour}", 0) for hour in range(24)]


OTHERS = at(h8=300, h9=500, h20=200)


def test_of_whom_nothing_is_known_the_others_are_asked():
    best = best_hour(NOBODY, OTHERS)

    assert (best.hour, best.own, round(best.share.value, 3)) == (9, 0, 0.8)
    assert best.share.low < 0.5  # worth eight observations, and no more


def test_what_somebody_does_outweighs_the_others_by_and_by():
    assert best_hour(at(h20=3), OTHERS).hour == 9
    assert best_hour(at(h20=9), OTHERS).hour == 20
    sure, surer = (best_hour(at(h20=many), OTHERS).share for many in (20, 200))
    assert surer.high - surer.low < sure.high - sure.low


def test_midnight_parts_no_hours():
    assert best_hour(at(h23=9, h0=10, h1=9, h12=14), NOBODY).hour == 0


def test_where_too_little_is_known_nothing_is_said():
    assert best_hour(NOBODY, at(h9=99)) is None
    assert best_hour(at(h9=7), NOBODY) is None
    assert best_hour(at(h9=8), NOBODY).hour == 9


@pytest.mark.parametrize(
    ("days", "active_for", "silent_for", "expected"),
    [(10, 63, 0, 1.0), (9, 63, 70, 0.0009765625), (1, 3, 10, 0.25)],
)
def test_silence_tells_more_of_those_who_came_often(days, active_for, silent_for, expected):
    assert seems_gone(days, active_for=active_for, silent_for=silent_for) == expected
