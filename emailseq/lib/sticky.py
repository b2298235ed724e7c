"""Chance that comes out the same every time it is asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from math import inf, log


def fraction(*parts: object) -> float:
    """Where `parts` fall between 0 and 1, both excluded: evenly spread, and always the same."""
    text = "\0".join(map(str, parts))
    digest = blake2b(text.encode(), digest_size=8).digest()
    return ((int.from_bytes(digest) >> 11) + 0.5) / (1 << 53)


def choose(weights: Iterable[tuple[str, float]], *parts: object) -> str:
    """One of the keys, each as often as its share of the weights: the same for the same `parts`.

    When weights change, or a key comes or goes, only as many choices change as must (rendezvous
    hashing). Raises ValueError when no weight is positive.
    """
    best, chosen = inf, ""
    for key, weight in weights:
        if weight > 0 and (score := -log(fraction(*parts, key)) / weight) < best:
            best, chosen = score, key
    if best == inf:
        raise ValueError("There is nothing to choose from: no weight is positive.")
    return chosen
