"""What numbers of people let one say: intervals, lifts, and when a winner is one. Pure.

Nearly everything is of proportions: so many of so many did it; some is of amounts, such as what
people spent. Nothing is random, so the same counts always lead to the same decision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

Z95 = 1.959964  # how many standard deviations leave 2.5 % on either side
FALSE_WINNERS = 0.02  # how often a winner may be named where there is none, however often one looks
EFFECT = 0.05  # how large a difference is looked for; a larger or smaller one takes a little longer
EFFECT_OF_SPREAD = 0.15  # the same for amounts, in standard deviations: they have any unit
FEWEST = 10  # amounts in each arm, without which a few large ones would decide
_GRID = 4096


class Count(NamedTuple):
    """So many of so many did it."""

    hits: int
    trials: int

    @property
    def rate(self) -> float:
        return self.hits / self.trials if self.trials else 0.0


class Amounts(NamedTuple):
    """`hits` of `trials` came to an amount, all others to none: what these sum up to."""

    hits: int
    trials: int
    total: float
    squares: float  # of the amounts, summed up

    @property
    def mean(self) -> float:
        """Of all trials."""
        return self.total / self.trials if self.trials else 0.0

    @property
    def variance(self) -> float:
        return max(0.0, self.squares / self.trials - self.mean**2) if self.trials else 0.0

    def __add__(self, other: Any) -> Amounts:
        return Amounts(*(ours + theirs for ours, theirs in zip(self, other, strict=True)))


A = TypeVar("A", Count, Amounts)


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


def mean(amounts: Amounts) -> Interval | None:
    """The amount that one trial comes to; None where too few came to any to tell."""
    if amounts.hits < FEWEST:
        return None
    half = Z95 * math.sqrt(amounts.variance / amounts.trials)
    return Interval(amounts.mean, amounts.mean - half, amounts.mean + half)


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
    return _winner(arms, [arm.rate for arm in arms], _evidence, minimum)


def winner_by_amounts(arms: Sequence[Amounts], *, minimum: int) -> int | None:
    """The same for what people spent: the number of the arm whose mean is above each other one."""
    if any(arm.hits < FEWEST for arm in arms):
        return None
    return _winner(arms, [arm.mean for arm in arms], _evidence_of, minimum)


def _winner(
    arms: Sequence[A], values: Sequence[float], evidence: Callable[[A, A], float], minimum: int
) -> int | None:
    if len(arms) < 2 or any(arm.trials < max(minimum, 1) for arm in arms):
        return None
    best = max(range(len(arms)), key=values.__getitem__)
    needed = (len(arms) - 1) / FALSE_WINNERS
    others = [arm for number, arm in enumerate(arms) if number != best]
    return best if all(evidence(arms[best], other) >= needed for other in others) else None


def _evidence(ours: Count, theirs: Count) -> float:
    """How many times likelier the counts are if the rates differ than if they do not."""
    both = Count(ours.hits + theirs.hits, ours.trials + theirs.trials)
    spread = both.rate * (1 - both.rate)
    variance = spread / ours.trials + spread / theirs.trials
    return _likelier(ours.rate - theirs.rate, variance, EFFECT * EFFECT)


def _evidence_of(ours: Amounts, theirs: Amounts) -> float:
    """The same for amounts."""
    spread = (ours + theirs).variance
    variance = spread / ours.trials + spread / theirs.trials
    return _likelier(ours.mean - theirs.mean, variance, EFFECT_OF_SPREAD**2 * spread)


def _likelier(apart: float, variance: float, prior: float) -> float:
    if not variance:
        return 0.0
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
