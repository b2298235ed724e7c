"""What integrators tell of people, and what is wrong with it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from emailseq.lib import addresses, text
from emailseq.lib.errors import Invalid, Problem

MAX_KEY = 64
MAX_BYTES, MAX_MEMBERS, MAX_DEPTH = 32 * 1024, 100, 5
AHEAD = timedelta(minutes=5)  # what a caller's clock may be fast
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# Of JSON's kinds of values, the words that the catalogue has; null is none.
KINDS = {str: "text", bool: "boolean", int: "number", float: "number", list: "list", dict: "group"}


class CustomEvent(NamedTuple):
    """A fact about the person with this id or else address; `key` is the caller's own id of it."""

    name: str
    uid: UUID | None = None
    email: str = ""
    properties: Mapping[str, Any] = {}
    occurred_at: datetime | None = None
    key: str = ""
    make_unknown: bool = True  # a person of that address, if there is none

    @property
    def who(self) -> UUID | str:
        """The person by id or else by the key of their address. Raises BadAddress."""
        return self.uid or addresses.parse(self.email).key


def problems_of(fact: CustomEvent, now: datetime) -> Iterator[Problem]:
    """Everything that is wrong with a fact."""
    if not NAME.fullmatch(fact.name):
        detail = "A name is made of a-z, 0-9 and _, begins with a letter and takes 64 characters."
        yield Problem("/name", "invalid", detail)
    if len(fact.key) > MAX_KEY:
        yield Problem("/id", "too_long", f"An id takes at most {MAX_KEY} characters.")
    if fact.occurred_at and fact.occurred_at > now + AHEAD:
        yield Problem("/occurred_at", "in_future", "It is more than five minutes ahead.")
    try:
        _ = fact.who
    except addresses.BadAddress as error:
        yield Problem("/subscriber/email", "invalid_email", str(error))
    try:
        text.check(id=fact.key, properties=fact.properties)
    except Invalid as error:
        yield from error.errors
    else:
        yield from _too_much(fact.properties)


def kinds_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """The kind of each property: `{"total": 12.5}` -> `{"total": "number"}`."""
    values = properties.items()
    return {name: KINDS[type(value)] for name, value in values if value is not None}


def _too_much(properties: Mapping[str, Any]) -> Iterator[Problem]:
    if _depth(properties) > MAX_DEPTH:
        yield Problem("/properties", "too_deep", f"Properties go at most {MAX_DEPTH} levels deep.")
    elif _most_members(properties) > MAX_MEMBERS:
        yield Problem("/properties", "too_many", f"At most {MAX_MEMBERS} members of one object.")
    elif len(json.dumps(properties, ensure_ascii=False).encode()) > MAX_BYTES:
        yield Problem("/properties", "too_long", "Properties take at most 32 KB.")


def _inner(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _depth(value: Any) -> int:
    if not isinstance(value, Mapping | list):
        return 0
    return 1 + max(map(_depth, _inner(value)), default=0)


def _most_members(value: Any) -> int:
    own = len(value) if isinstance(value, Mapping) else 0
    return max(own, *map(_most_members, _inner(value)), 0)
