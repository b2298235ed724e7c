"""Addresses in text that strangers' servers wrote."""

from __future__ import annotations

import re

ADDRESS = re.compile(
    r"(?:\"[^\"\n@]{1,64}\"|[\w!#$%&'*+/=?^`{|}~.-]{1,64})@[\w-]{1,63}(?:\.[\w-]{1,63}){0,10}",
    re.ASCII,
)


def first(text: str) -> str:
    """The first address in the text in lower case, or ""."""
    return next(iter(every(text)), "")


def every(*texts: str) -> list[str]:
    """Each address once, in order, in lower case."""
    found = (tidy(match[0]) for text in texts for match in ADDRESS.finditer(text[:20_000]))
    return list(dict.fromkeys(found))


def tidy(address: str) -> str:
    """Without what stood around it."""
    return address.strip(" '`.=").removeprefix("mailto:").lower()
