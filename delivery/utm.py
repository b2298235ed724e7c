"""What links of campaigns and sequences tell the analytics of other people (UTM). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urlencode

_WEB = ("http://", "https://")


class Tags(NamedTuple):
    """What a link says of where its visitors come from. Without a source it says nothing."""

    source: str
    medium: str
    campaign: str


NOTHING = Tags("", "", "")


def tags_of(source: str, medium: str, name: str) -> Tags:
    """Those of a campaign or sequence of this name, which becomes a slug."""
    words = re.findall(r"\w+", name.lower())
    return Tags(source, medium, "-".join(words)) if source else NOTHING


def tagged(url: str, tags: Tags) -> str:
    """The address with the tags in its query; one that has tags of its own stays as it is.

    It may be Liquid still: what is printed in it is left alone.
    """
    if not tags.source or not url.lower().startswith(_WEB):
        return url
    address, hash_sign, fragment = url.partition("#")
    _, asks, query = address.partition("?")
    if any(part.lower().startswith("utm_") for part in query.split("&")):
        return url
    given = {f"utm_{name}": value for name, value in tags._asdict().items() if value}
    joint = ("" if address.endswith(("?", "&")) else "&") if asks else "?"
    return f"{address}{joint}{urlencode(given, quote_via=quote)}{hash_sign}{fragment}"
