from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emailseq.lib import stats
from emailseq.lib.stats import Amounts, Count, Interval

counts = st.integers(0, 500).flatmap(
    lambda trials: st.builds(Count, st.integers(0, trials), st.just(trials))
)


def close(interval):
    return pytest.approx(interval, abs=5e-4)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3
        (Count(81, 263), Interval(0.3080, 0.2553, 0.3662)),
        (Count(15, 148), Interval(0.1014, 0.0624, 0.1605)),
        (Count(0, 20), Interval(0.0, 0.0, 0.1611)),
        (Count(1, 29), Interval(0.0345, 0.0061, 0.1718)),
        (Count(0, 0), Interval(0.0, 0.0, 1.0)),
    ],
)
def test_the_interval_of_a_rate_is_the_one_in_the_books(count, expected):
    assert stats.proportion(count) == close(expected)


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10
        (Count(56, 70), Count(48, 80), 0.0524, 0.3339),
        (Count(9, 10), Count(3, 10), 0.1705, 0.8090),
        (Count(5, 56), Count(0, 29), -0.0381, 0.1926),
        (Count(10, 10), Count(0, 10), 0.6075, 1.0000),
    ],
)
def test_the_interval_of_a_difference_is_the_one_in_the_books(ours, theirs, low, high):
    found = stats.difference(ours, theirs)

    assert (found.low, found.high) == (
        pytest.approx(low, abs=5e-4),
        pytest.approx(high, abs=5e-4),
    )


def test_a_lift_is_by_how_much_more():
    found = stats.lift(Count(60, 1000), Count(40, 1000))

    assert found == close(Interval(0.5, 0.0152, 1.2163))
    assert stats.lift(Count(0, 10), Count(3, 10)) is None
    assert stats.lift(Count(3, 10), Count(0, 0)) is None


def test_chances_of_equal_arms_are_equal():
    assert stats.chances([Count(5, 50)] * 4) == pytest.approx([0.25] * 4)
    assert stats.chances([Count(0, 0), Count(0, 0)]) == pytest.approx([0.5, 0.5])


def test_chances_are_those_that_drawing_would_find():
    arms = [Count(20, 200), Count(30, 200), Count(5, 40)]
    draw = random.Random(7)
    best = [0, 0, 0]
    for _ in range(40_000):
        rates = [draw.betavariate(arm.hits + 1, arm.trials - arm.hits + 1) for arm in arms]
        best[rates.index(max(rates))] += 1

    assert stats.chances(arms) == pytest.approx([each / 40_000 for each in best], abs=0.01)


def test_a_million_trials_are_no_trouble():
    chances = stats.chances([Count(100_000, 1_000_000), Count(101_000, 1_000_000), Count(1, 5)])

    assert sum(chances) == pytest.approx(1)
    assert chances[0] < chances[1]


@given(st.lists(counts, min_size=1, max_size=5))
def test_chances_sum_to_one_whatever_was_counted(arms):
    chances = stats.chances(arms)

    assert sum(chances) == pytest.approx(1)
    assert all(0 <= chance <= 1 for chance in chances)


@given(counts, counts)
def test_intervals_hold_their_value(ours, theirs):
    for found in (stats.proportion(ours), stats.difference(ours, theirs)):
        assert found.low <= found.value + 1e-12
        assert found.value <= found.high + 1e-12


def experiment(seed, rates, *, people=4000, minimum=200, every=50):
    """Look for a winner after every so many people, as a tick does; its number, or None."""
    draw = random.Random(seed)
    hits, trials = [0] * len(rates), [0] * len(rates)
    for person in range(people):
        arm = draw.randrange(len(rates))
        trials[arm] += 1
        hits[arm] += draw.random() < rates[arm]
        if person % every == 0:
            arms = [Count(*each) for each in zip(hits, trials, strict=True)]
            if (found := stats.winner(arms, minimum=minimum)) is not None:
                return found
    return None


def test_the_better_arm_wins_where_the_lift_is_large():
    found = [experiment(seed, [0.10, 0.20]) for seed in range(100)]

    assert found.count(1) >= 95
    assert 0 not in found


@pytest.mark.parametrize("rates", [[0.10, 0.10], [0.03, 0.03], [0.2, 0.2, 0.2]])
def test_where_there_is_none_nobody_wins(rates):
    found = [experiment(seed, rates) for seed in range(100)]

    assert found.count(None) >= 95


def test_nobody_wins_below_the_minimum_or_alone():
    assert stats.winner([Count(0, 99), Count(99, 99)], minimum=100) is None
    assert stats.winner([Count(0, 100), Count(99, 100)], minimum=100) == 1
    assert stats.winner([Count(5, 100)], minimum=1) is None
    assert stats.winner([Count(0, 100), Count(0, 100)], minimum=1) is None
    assert stats.winner([Count(0, 0), Count(0, 0)], minimum=0) is None


def shop(chance, people, *, buyers, basket):
    """What so many people spend; a basket is between half and one and a half of the mean."""
    spent = [basket * chance.uniform(0.5, 1.5) for _ in range(people) if chance.random() < buyers]
    return Amounts(len(spent), people, sum(spent), sum(each * each for each in spent))


@pytest.mark.slow
def test_the_arm_that_brings_more_money_wins_and_nobody_where_there_is_no_difference():
    better, same = [], []
    for seed in range(100):
        chance = random.Random(seed)
        first = shop(chance, 4000, buyers=0.1, basket=20)
        better.append(
            stats.winner_by_amounts([first, shop(chance, 4000, buyers=0.1, basket=40)], minimum=100)
        )
        same.append(
            stats.winner_by_amounts([first, shop(chance, 4000, buyers=0.1, basket=20)], minimum=100)
        )

    assert better.count(1) >= 95
    assert better.count(0) == 0
    assert same.count(None) >= 95


def test_a_few_large_amounts_decide_nothing():
    whale, none = Amounts(1, 1000, 9e6, 81e12), Amounts(0, 1000, 0.0, 0.0)

    assert stats.winner_by_amounts([whale, none], minimum=10) is None
    assert stats.mean(whale) is None
    assert stats.mean(Amounts(100, 1000, 2000.0, 60_000.0)) == close(Interval(2.0, 1.5362, 2.4638))
