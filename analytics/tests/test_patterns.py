"""Whether subjects make a difference, judged by campaigns, honestly."""

from __future__ import annotations

import random

import pytest

from analytics.patterns import Sent, difference, patterns


def test_a_difference_has_the_interval_of_welch():
    ours, theirs = [0.05, 0.07, 0.06, 0.08, 0.04], [0.02, 0.03, 0.01, 0.02, 0.02, 0.03]

    found = difference(ours, theirs)

    # By hand: means 0.06 and 0.021667, 5.5 degrees of freedom, t of 2.503.
    assert found.value == pytest.approx(0.038333, abs=1e-6)
    assert found.low == pytest.approx(0.01903, abs=1e-4)
    assert found.high == pytest.approx(0.05763, abs=1e-4)


@pytest.mark.parametrize(("ours", "theirs"), [([0.1] * 4, [0.1] * 50), ([], [0.1] * 9)])
def test_of_few_campaigns_nothing_is_said(ours, theirs):
    assert difference(ours, theirs) is None


def test_each_subject_is_looked_at_for_every_pattern():
    asks = [Sent("Are you coming?", 0.10 + number / 1000) for number in range(5)]
    tells = [Sent("The harbour is open for all of you, all day", 0.02 + n / 1000) for n in range(5)]

    found = {each.name: each for each in patterns([*asks, *tells])}

    assert (found["question"].having, found["question"].lacking) == (5, 5)
    assert found["question"].difference.value == pytest.approx(0.08)
    assert found["question"].is_sure
    assert (found["number"].having, found["number"].difference) == (0, None)
    assert found["short"].having == 5
    assert not found["emoji"].is_sure


def test_chance_is_seldom_taken_for_a_pattern():
    rng = random.Random(7)
    sure = 0
    for _ in range(400):
        rates = [rng.gauss(0.05, 0.02) for _ in range(20)]
        sure += difference(rates[:8], rates[8:]).low > 0
        sure += difference(rates[:8], rates[8:]).high < 0

    assert sure <= 0.08 * 400
