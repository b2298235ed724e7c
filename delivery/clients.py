"""With what somebody reads: the family of a mail program or browser, and the kind of device. Pure.

A guess from what it calls itself. Image proxies fetch for whoever reads there, on any device.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

PHONE, TABLET, COMPUTER = "phone", "tablet", "computer"


class Reading(NamedTuple):
    """With what; empty where it does not say."""

    client: str
    device: str


# The first whose name is found counts: most call themselves by the names of others, too.
_CLIENTS = {
    "gmail": "googleimageproxy|ggpht",
    "yahoo": "yahoomailproxy",
    "outlook": "outlook|ms-office|microsoft office",
    "thunderbird": "thunderbird|betterbird",
    "samsung_mail": "samsung.?email",
    "edge": r"edg(?:a|ios|e)?/",
    "opera": "opr/|opera",
    "samsung_internet": "samsungbrowser",
    "firefox": "firefox/|fxios/",
    "chrome": "chrome/|crios/",
    "safari": r"version/[\d.]+.* safari/",
    "apple_mail": r"^mail/\d|(?:macintosh|iphone|ipad).*applewebkit(?!.*safari)(?!.*\[)",
}
_DEVICES = {
    TABLET: r"ipad|tablet|kindle|silk/|^mozilla(?!.*mobile).*android",
    PHONE: "iphone|ipod|android|mobile|phone",
    COMPUTER: r"windows nt|windows-nt|macintosh|darwin/|x11|cros |linux x86",
}


def _pattern(families: dict[str, str]) -> list[tuple[str, re.Pattern[str]]]:
    return [(name, re.compile(said)) for name, said in families.items()]


_KNOWN, _KINDS = _pattern(_CLIENTS), _pattern(_DEVICES)


@lru_cache(maxsize=10_000)
def reading(user_agent: str) -> Reading:
    """What a user agent says of itself."""
    agent = user_agent.lower()
    return Reading(_first(_KNOWN, agent), "" if "ggpht" in agent else _first(_KINDS, agent))


def _first(families: list[tuple[str, re.Pattern[str]]], agent: str) -> str:
    return next((name for name, said in families if said.search(agent)), "")
