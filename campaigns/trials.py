"""An A/B test: who is in its sample, who gets which variant, and which variant wins. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emailseq.lib import stats, sticky
from emailseq.lib.stats import Amounts, Count, Interval

FIRST = "a"  # the campaign as it is; the others differ from it
CLICK, GOAL, REVENUE = "click", "goal", "revenue"  # what a test may be judged by


def is_sampled(campaign_id: int, person: int, *, percent: int) -> bool:
    """Whether somebody is among those who are tried: always the same answer."""
    return sticky.fraction("sample", campaign_id, person) * 100 < percent


def variant_of(campaign_id: int, person: int, keys: Sequence[str]) -> str:
    """Which variant somebody in the sample gets: each an equal share, and always the same."""
    return sticky.choose([(key, 1.0) for key in keys], "variant", campaign_id, person)


def judge(metric: str, tallies: Mapping[str, Amounts], *, minimum: int) -> str:
    """The key of the variant that is better than all others; '' while nobody can know."""
    arms = [*tallies.values()]
    if metric == REVENUE:
        best = stats.winner_by_amounts(arms, minimum=minimum)
    else:
        best = stats.winner([_count(arm) for arm in arms], minimum=minimum)
    return "" if best is None else [*tallies][best]


def interval(metric: str, tally: Amounts) -> Interval | None:
    """The share of people who did it, or what one of them spends; None: too few did, to tell."""
    return stats.mean(tally) if metric == REVENUE else stats.proportion(_count(tally))


def _count(tally: Amounts) -> Count:
    return Count(tally.hits, tally.trials)
