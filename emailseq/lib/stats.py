"""What numbers of people let one say: intervals, lifts, and when a winner is one. Pure.

Everything is of proportions: so many of so many did it. Nothing is random, so the same counts
always lead to the same decision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Z95 = 1.959964  # how many standard deviations leave 2.5 % on either side
FALSE_WINNERS = 0.02  # how often a winner may be named where there is none, however often one looks
EFFECT = 0.05  # how large a difference is looked for; a larger or smaller one takes a little longer
_GRID = 4096


class Count(NamedTuple):
    """So many of so many did it."""

    hits: int
    trials: int

    @property
    def rate(self) -> float:
        return self.hits / self.trials if self.trials else 0.0


class Interval(NamedTuple):
    """An estimate and between which values the truth lies, 95 times of 100."""

    value: float
    low: float
    high: float


def proportion(count: Count) -> Interval:
    """The rate behind a count (Wilson, 1927); of nothing everything is possible."""
    trials = count.trials
    if not trials:
        return Interval(0.0, 0.0, 1.0)
    spread = Z95 * Z95 / trials
    middle = (count.rate + spread / 2) / (1 + spread)
    variance = count.rate * (1 - count.rate) / trials + spread / (4 * trials)
    half = Z95 * math.sqrt(variance) / (1 + spread)
    return Interval(count.rate, max(0.0, middle - half), min(1.0, middle + half))


def difference(ours: Count, theirs: Count) -> Interval:
    """How much higher our rate is than theirs (Newcombe, 1998, method 10)."""
    a, b = proportion(ours), proportion(theirs)
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    high = value + math.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, max(-1.0, low), min(1.0, high))


def lift(ours: Count, theirs: Count) -> Interval | None:
    """By which part our rate is higher than theirs: 0.5 is half as much again (Katz, 1978).

    None where nobody of one of them did it: then it cannot be said.
    """
    if not ours.hits or not theirs.hits:
        return None
    ratio = ours.rate / theirs.rate
    variance = (1 - ours.rate) / ours.hits + (1 - theirs.rate) / theirs.hits
    factor = math.exp(Z95 * math.sqrt(variance))
    return Interval(ratio - 1, ratio / factor - 1, ratio * factor - 1)


def chances(arms: Sequence[Count]) -> list[float]:
    """How likely each arm is the best one, every rate being as likely before: sums to 1.

    These are the weights of Thompson sampling (1933), computed and not drawn.
    """
    shapes = [(arm.hits + 1.0, arm.trials - arm.hits + 1.0) for arm in arms]
    points = _grid(shapes)
    densities = [_density(points, *shape) for shape in shapes]
    below = [_running_sum(density) for density in densities]
    wins = [
        sum(
            weight * math.prod(other[index] for other in below if other is not below[arm])
            for index, weight in enumerate(density)
        )
        for arm, density in enumerate(densities)
    ]
    total = sum(wins)
    return [win / total for win in wins]


def winner(arms: Sequence[Count], *, minimum: int) -> int | None:
    """The number of the arm that is better than each other one; None while nobody can know.

    Each arm must have been tried `minimum` times. One may ask after every trial: the test is valid
    at any time (the mixture test of Robbins, 1970; Johari et al., 2017), so a winner is named where
    there is none in at most 2 of 100 experiments.
    """
    if len(arms) < 2 or any(arm.trials < max(minimum, 1) for arm in arms):
        return None
    best = max(range(len(arms)), key=lambda arm: arms[arm].rate)
    needed = (len(arms) - 1) / FALSE_WINNERS
    others = [arm for number, arm in enumerate(arms) if number != best]
    return best if all(_evidence(arms[best], other) >= needed for other in others) else None


def _evidence(ours: Count, theirs: Count) -> float:
    """How many times likelier the counts are if the rates differ than if they do not."""
    both = Count(ours.hits + theirs.hits, ours.trials + theirs.trials)
    spread = both.rate * (1 - both.rate)
    variance = spread / ours.trials + spread / theirs.trials
    if not variance:
        return 0.0
    prior, apart = EFFECT * EFFECT, ours.rate - theirs.rate
    exponent = prior * apart * apart / (2 * variance * (variance + prior))
    return math.sqrt(variance / (variance + prior)) * math.exp(min(exponent, 700.0))


def _grid(shapes: Sequence[tuple[float, float]]) -> list[float]:
    """Points over all rates that any of the arms may have."""
    low, high = 1.0, 0.0
    for a, b in shapes:
        mean = a / (a + b)
        reach = 8 * math.sqrt(mean * (1 - mean) / (a + b + 1))
        low, high = min(low, mean - reach), max(high, mean + reach)
    low, high = max(low, 0.0), min(high, 1.0)
    step = (high - low) / _GRID
    return [low + step * (index + 0.5) for index in range(_GRID)]


def _density(points: Sequence[float], a: float, b: float) -> list[float]:
    """The weights of the points under a beta distribution, which sum to 1."""
    logs = [(a - 1) * math.log(x) + (b - 1) * math.log1p(-x) for x in points]
    top = max(logs)
    weights = [math.exp(each - top) for each in logs]
    total = sum(weights)
    return [weight / total for weight in weights]


def _running_sum(weights: Sequence[float]) -> list[float]:
    """How much lies below each point, counting half of its own weight."""
    sums, total = list[float](), 0.0
    for weight in weights:
        sums.append(total + weight / 2)
        total += weight
    return sums
