"""Which variant of an email is the better one: shares by what is known, and a winner. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from emailseq.lib import stats
from emailseq.lib.stats import Count
from sequences.program import EmailStep

LEAST = 0.1  # what each variant gets until one has won: of what nobody gets, nobody learns anything


class Judgement(NamedTuple):
    """The `weights` of variants, by key, and the `winner`; '' while nobody can know."""

    weights: dict[str, float]
    winner: str = ""


def judge(step: EmailStep, counts: Mapping[str, Count]) -> Judgement:
    """What follows from how often each variant was sent, and did what the metric says.

    Until each has been tried often enough they keep their shares; then each gets as much as it is
    likely to be the best one (Thompson, 1933), and not much less than a tenth. One that has no
    share is not on trial.
    """
    shares = {each.key: float(each.weight) for each in step.variants if each.weight}
    tried = [counts.get(key, Count(0, 0)) for key in shares]
    if any(count.trials < step.minimum for count in tried):
        return Judgement(shares)
    best = stats.winner(tried, minimum=step.minimum)
    chances = (max(chance, LEAST) for chance in stats.chances(tried))
    weights = dict(zip(shares, chances, strict=True))
    return Judgement(weights, "" if best is None else [*shares][best])


def spread(step: EmailStep, weights: Mapping[str, float], only: str = "") -> dict[str, float]:
    """The weight of each variant of a step: as given, or all for the `only` one."""
    return {
        each.key: float(each.key == only) if only else weights.get(each.key, 0.0)
        for each in step.variants
    }
