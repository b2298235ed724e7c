"""What subjects have in common that are clicked more, and how sure that is. Pure.

What is compared are campaigns and not messages: the messages of one campaign are read, or not, for
the same reasons, and would make everything look sure.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from emailseq.lib.stats import Interval

FEWEST = 5  # campaigns on either side

_EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
PATTERNS: dict[str, Callable[[str], object]] = {
    "question": lambda subject: "?" in subject,
    "exclamation": lambda subject: "!" in subject,
    "number": re.compile(r"\d").search,
    "personal": lambda subject: "{{" in subject,
    "emoji": _EMOJI.search,
    "short": lambda subject: len(subject) <= 35,
}


class Sent(NamedTuple):
    """One campaign: its subject, as a template has it, and which part of its readers clicked."""

    subject: str
    rate: float


class Pattern(NamedTuple):
    """How many campaigns have a pattern, how many have not, and how much more the first are
    clicked, in parts of one; None: too few to say."""

    name: str
    having: int
    lacking: int
    difference: Interval | None

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out that there is no difference."""
        return self.difference is not None and self.difference.low * self.difference.high > 0


def patterns(sent: Iterable[Sent]) -> list[Pattern]:
    """Of each of PATTERNS, whether it goes with more clicks."""
    rows = list(sent)
    found = []
    for name, holds in PATTERNS.items():
        ours = [row.rate for row in rows if holds(row.subject)]
        theirs = [row.rate for row in rows if not holds(row.subject)]
        found.append(Pattern(name, len(ours), len(theirs), difference(ours, theirs)))
    return found


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Interval | None:
    """How much larger the mean of ours is (Welch, 1947), if there are FEWEST of each."""
    if min(len(ours), len(theirs)) < FEWEST:
        return None
    value = statistics.fmean(ours) - statistics.fmean(theirs)
    parts = [statistics.variance(each) / len(each) for each in (ours, theirs)]
    variance = sum(parts)
    if not variance:
        return Interval(value, value, value)
    freedom = variance**2 / sum(
        part**2 / (len(each) - 1) for part, each in zip(parts, (ours, theirs), strict=True)
    )
    half = _t95(freedom) * math.sqrt(variance)
    return Interval(value, value - half, value + half)


def _t95(freedom: float) -> float:
    """Student's t that leaves 2.5 % above it, by the expansion of Cornish and Fisher."""
    z = statistics.NormalDist().inv_cdf(0.975)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
