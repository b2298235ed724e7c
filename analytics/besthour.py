"""At which hour somebody reads their mail, and how sure that is. Pure.

Bayes: what is known of all people in the same time zone counts as PRIOR observations of one of
them, and gives way to what they do themselves. Hours are of a day, in UTC, and neighbours in time:
an hour is judged together with the one before and the one after.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from emailseq.lib.stats import Count, Interval, proportion

PRIOR = 8.0  # of how many observations the others' habits are worth
ENOUGH = 100  # observations of others, before they say something
HOURS = 24
WEEK = 7.0


class BestHour(NamedTuple):
    """The middle of the three hours in which most of somebody's reading falls: the `share` of it,
    with an interval. `own` is how often they themselves were seen."""

    hour: int
    share: Interval
    own: int


def best_hour(own: Sequence[int], others: Sequence[int]) -> BestHour | None:
    """From how often somebody, and the others, were seen in each hour; None: nobody can say."""
    seen, known = sum(own), sum(others)
    if known < ENOUGH and seen < PRIOR:
        return None
    prior = [PRIOR * each / known if known >= ENOUGH else PRIOR / HOURS for each in others]
    weights = [mine + theirs for mine, theirs in zip(own, prior, strict=True)]
    around = [sum(weights[(hour + by) % HOURS] for by in (-1, 0, 1)) for hour in range(HOURS)]
    hour = max(range(HOURS), key=lambda each: (round(around[each], 6), weights[each], -each))
    total = sum(weights)
    share = proportion(Count(round(around[hour]), round(total)))
    return BestHour(hour, share._replace(value=around[hour] / total), seen)


def seems_gone(days: int, *, active_for: float, silent_for: float) -> float:
    """How likely somebody who still reads would have been silent for so long by chance.

    They were seen on so many `days` over `active_for` days, and then not for `silent_for`. Their
    rate is known by that alone (a gamma prior of one day in a week), which makes the chance a
    ratio to the power of how often they were seen.
    """
    ratio = (active_for + WEEK) / (active_for + WEEK + silent_for)
    return float(ratio ** (days + 1))
