from __future__ import annotations

from collections import Counter

import pytest

from emailseq.lib import sticky


def test_the_same_parts_fall_at_the_same_place_for_ever():
    assert sticky.fraction(1, "stp_a", 42) == 0.2100841313876281
    assert sticky.fraction(1, "stp_a", 43) != sticky.fraction(1, "stp_a", 42)
    assert sticky.fraction(1, "2") != sticky.fraction(12, ""), "parts do not run together"


def test_places_are_spread_evenly():
    tenths = Counter(int(sticky.fraction("spread", n) * 10) for n in range(10_000))

    assert {*tenths} == {*range(10)}
    assert all(900 < count < 1100 for count in tenths.values())


@pytest.mark.parametrize(
    "weights", [{"a": 1, "b": 1}, {"a": 70, "b": 20, "c": 10}, {"a": 0.25, "b": 0.5, "c": 0}]
)
def test_each_is_chosen_as_often_as_its_weight_says(weights):
    chosen = Counter(sticky.choose(weights.items(), n) for n in range(10_000))

    for key, weight in weights.items():
        share = weight / sum(weights.values())
        assert chosen[key] / 10_000 == pytest.approx(share, abs=0.015 if share else 0)


def test_a_choice_stays_when_only_others_change():
    before = {n: sticky.choose({"a": 50, "b": 50}.items(), n) for n in range(1000)}

    for changed, grown in [
        ({"a": 50, "b": 70}, "b"),
        ({"a": 50, "b": 50, "c": 50}, "c"),
        ({"a": 50}, "a"),
    ]:
        after = {n: sticky.choose(changed.items(), n) for n in range(1000)}
        moved = {n for n in before if after[n] != before[n]}
        assert moved, "some have to move"
        assert {after[n] for n in moved} == {grown}


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": 0, "b": -1}])
def test_nothing_is_not_a_choice(weights):
    with pytest.raises(ValueError, match="no weight is positive"):
        sticky.choose(weights.items(), 1)
