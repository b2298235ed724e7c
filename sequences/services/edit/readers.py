"""Readers of the members that several kinds of step have; see `subscribers.segments.reading`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from accounts.models import Workspace
from sequences import conditions
from sequences.conditions import RuleHolds
from subscribers.segments import comparisons, reading, references, rules
from subscribers.segments.reading import Object, Reader, fault, word

MAX_DELAY = timedelta(days=1000)
MAX_WEIGHT, MAX_NAME, MAX_MINIMUM = 1000, 100, 1_000_000
_TIME = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)


def key(most: int) -> Reader:
    """A name for programs, which a person may choose."""

    def read(value: Any, at: str) -> str:
        if not isinstance(value, str) or not _KEY.fullmatch(value) or len(value) > most:
            said = f"A key is of a-z, 0-9, hyphens and underscores, and at most {most} long."
            raise fault(at, "invalid", said)
        return value

    return read


def text(most: int) -> Reader:
    """Text, which may be empty, of at most so many characters."""

    def read(value: Any, at: str) -> str:
        if isinstance(value, str) and len(value) > most:
            raise fault(at, "too_long", f"At most {most} characters.")
        return "" if value == "" else str(reading.text(value, at))

    return read


def span(value: Any, at: str) -> timedelta:
    """How much time: a timedelta, or ISO 8601."""
    return value if isinstance(value, timedelta) else comparisons.span(value, at)


def delay(value: Any, at: str) -> timedelta:
    """How long a wait is."""
    length = span(value, at)
    if not timedelta(0) < length <= MAX_DELAY:
        raise fault(at, "out_of_range", f"A wait takes up to {MAX_DELAY.days} days.")
    return length


def minimum(value: Any, at: str) -> int:
    """How often each variant of an email is tried before one can win."""
    if type(value) is not int or not 1 <= value <= MAX_MINIMUM:
        raise fault(at, "out_of_range", f"This must be a number from 1 to {MAX_MINIMUM:,}.")
    return value


def window(value: Any, at: str) -> dict[str, Any]:
    """When messages may leave: `{"opens": "09:00", "closes": "17:00", "weekdays": [1, 2]}`.

    On the subscriber's clock, unless `zone` is “workspace”. Past midnight, it is open to the next
    day; opening and closing at the same time, all day.
    """
    given = Object(value, at)
    found = {
        "opens": given.take("opens", _clock),
        "closes": given.take("closes", _clock),
        "weekdays": given.take("weekdays", _weekdays, default=[1, 2, 3, 4, 5, 6, 7]),
        "zone": given.take("zone", word(("subscriber", "workspace")), default="subscriber"),
    }
    given.close()
    return found


def _clock(value: Any, at: str) -> str:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise fault(at, "invalid", "This must be a time of day like 09:00.")
    return value


def _weekdays(value: Any, at: str) -> list[int]:
    return sorted(set(reading.each(value, at, _weekday)))


def _weekday(value: Any, at: str) -> int:
    if type(value) is not int or not 1 <= value <= 7:
        raise fault(at, "invalid", "This must be a day of the week: 1 is Monday, 7 is Sunday.")
    return value


def weight(value: Any, at: str) -> int:
    return reading.whole(value, at, most=MAX_WEIGHT)


def rule(workspace: Workspace) -> Reader:
    """A rule, in which everything is named by public id."""

    def read(value: Any, at: str) -> dict[str, Any]:
        return rules.dump(references.resolve(value, workspace, at=at))

    return read


def when(workspace: Workspace, *, only_rules: bool = False) -> Reader:
    """A condition, as `sequences.conditions` describes them; likewise."""

    def read(value: Any, at: str) -> dict[str, Any]:
        found = conditions.parse(value, at=at)
        if isinstance(found, RuleHolds):
            return {"rule": rule(workspace)(value["rule"], f"{at}/rule")}
        if only_rules:
            raise fault(at, "invalid", "A branch decides by a rule: {“rule”: …}.")
        return conditions.dump(found)

    return read
