"""What rules mean: whether one holds for a person who is in memory. Pure.

`compile.py` says the same in SQL for any number of people; a property test holds them together.

1. **Nothing is an error.** A value that is missing, or of another type than the operator compares,
   does not match: a number is never text. A date is text of the shape 2026-12-24, an instant text
   of the shape 2026-12-24T18:00:00Z.
2. **A negation is the opposite.** `is_not`, `not_in`, `not_contains`, `has_not`, `none`: whoever
   the positive does not match. So people without a plan are among those whose plan is not “pro”.
3. **`exists`** is any value but null and the empty text; `missing` is the opposite.
4. **Text** is compared letter by letter without regard to upper and lower case. Numbers are
   compared as decimals. `between` includes both ends.
5. **Dates** are compared with today in the workspace's zone; `in_last` and `in_next` include today
   and the day at the other end. An instant, like `created_at`, stands for its day in that zone.
   `anniversary_in` looks at day and month alone (an instant's in UTC): from today on, so many days
   ahead. Who was born on 29 February has their day on the 28th when there is no 29th.
6. **Events** are counted by when they occurred: `within` P30D is from exactly 30 days ago on.
   Opens and clicks are those with the verdict human, unless the rule says another or any.
7. **Nobody** who is archived matches any rule.
"""

from __future__ import annotations

import operator
import re
from calendar import isleap
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from subscribers.segments.comparisons import DATE, INSTANT, Comparison, Entry, is_of_days
from subscribers.segments.rules import (
    Count,
    Field,
    Group,
    Happened,
    InSegment,
    Listed,
    Property,
    Rule,
    Tagged,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """An event of a person, as rules see it; `source` is the public id of what it came from."""

    kind: str
    occurred_at: datetime
    name: str = ""
    source: str = ""
    step: str = ""
    verdict: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that rules may ask about a person; what they name, they name by public id.

    `values` has the built-in fields and the custom ones, `lists` the state of each place.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    tags: Collection[str] = ()
    lists: Mapping[str, str] = field(default_factory=dict)
    segments: Collection[str] = ()
    facts: Iterable[Fact] = ()
    archived: bool = False


def holds(rule: Rule, profile: Profile, now: datetime, *, zone: str = "UTC") -> bool:
    """Whether the rule matches the person at `now` (aware); `zone` is the workspace's."""
    return not profile.archived and _holds(rule, profile, now, zone)


def matches(
    where: Iterable[Property],
    properties: Mapping[str, Any],
    entry: Mapping[str, Any] | None = None,
    *,
    now: datetime,
    zone: str = "UTC",
) -> bool:
    """Whether the properties of an event compare as `where` says.

    `entry` holds the properties of the event that started the run, for comparisons with those.
    """
    return all(
        compares(_settled(one.comparison, entry or {}), properties.get(one.name), now, zone)
        for one in where
    )


def compares(comparison: Comparison, value: Any, now: datetime, zone: str) -> bool:
    """Whether a value (of JSON, or an instant) compares so."""
    if positive := OPPOSITES.get(comparison.op):
        return not compares(Comparison(positive, comparison.value), value, now, zone)
    if comparison.op == "exists":
        return value is not None and value != ""
    if is_of_days(comparison):
        return _is_on(comparison, value, today(now, zone), zone)
    return TESTS[comparison.op](_plain(value), _plain(comparison.value))


def today(now: datetime, zone: str) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


class Days(NamedTuple):
    """From the `first` day to the one before `after`; None: without an end."""

    first: date | None
    after: date | None

    def dates(self) -> list[str | None]:
        """As dates are written: they compare like text."""
        return [day.isoformat() if day else None for day in self]

    def instants(self, zone: str) -> list[datetime | None]:
        """When they begin in the zone, and when they are over."""
        return [
            datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) if day else None
            for day in self
        ]


def days_of(comparison: Comparison, today: date) -> Days:
    """The days that a comparison of dates asks for, but for anniversaries."""
    value: Any = comparison.value
    match comparison.op:
        case "before":
            return Days(None, value)
        case "after":
            return Days(value + DAY, None)
        case "on":
            return Days(value, value + DAY)
        case "in_last":
            return Days(today - value, today + DAY)
        case "in_next":
            return Days(today, today + value + DAY)
    return Days(value[0], value[1] + DAY)


def written(instant: datetime | None) -> str | None:
    """How the text of an instant begins: texts of instants compare like they do."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") if instant else None


def anniversaries(ahead: timedelta, today: date) -> frozenset[str]:
    """The month and day (`12-24`) of whoever has their day within so many days from today on."""
    days = [today + number * DAY for number in range(min(ahead.days, 366) + 1)]
    found = {f"{day:%m-%d}" for day in days}
    if any((day.month, day.day) == (2, 28) and not isleap(day.year) for day in days):
        found.add("02-29")
    return frozenset(found)


def meets(count: Count, number: int) -> bool:
    """Whether something happened as often as the rule says."""
    if count.op == "exactly":
        return number == count.value
    return number >= count.value if count.op == "at_least" else number <= count.value


def fold(text: str) -> str:
    """Lower case, letter by letter, as PostgreSQL has it: İ is i, and Σ is σ at the end, too."""
    return text.translate(_FOLDED).lower()


def _holds(rule: Rule, profile: Profile, now: datetime, zone: str) -> bool:
    match rule:
        case Group(kind, rules):
            held = (_holds(one, profile, now, zone) for one in rules)
            return all(held) if kind == "all" else any(held) == (kind == "any")
        case Field(name, comparison):
            return compares(comparison, profile.values.get(name), now, zone)
        case Tagged(tag, has):
            return (tag in profile.tags) == has
        case Listed(ref, op):
            return _is_listed(op, profile.lists.get(ref))
        case InSegment(segment):
            return segment in profile.segments
    return meets(rule.count, sum(_counts(rule, fact, now, zone) for fact in profile.facts))


def _counts(rule: Happened, fact: Fact, now: datetime, zone: str) -> bool:
    source = rule.source
    return (
        (fact.kind, fact.name) == (rule.kind, rule.name)
        and (source is None or source.ref == fact.source)
        and (source is None or source.step in ("", fact.step))
        and rule.verdict in ("", "any", fact.verdict)
        and (rule.within is None or fact.occurred_at >= now - rule.within)
        and matches(rule.where, fact.properties, now=now, zone=zone)
    )


def _is_listed(op: str, state: str | None) -> bool:
    if op == "never":
        return state is None
    return state != "confirmed" if op == "not_confirmed" else state == op


def _settled(comparison: Comparison, entry: Mapping[str, Any]) -> Comparison:
    if isinstance(comparison.value, Entry):
        return Comparison(comparison.op, entry.get(comparison.value.property))
    return comparison


def _is_on(comparison: Comparison, value: Any, today: date, zone: str) -> bool:
    text = f"{written(value)}Z" if isinstance(value, datetime) else str(value)
    is_instant = re.fullmatch(INSTANT, text)
    if not (is_instant or re.fullmatch(DATE, text)):
        return False
    if comparison.op == "anniversary_in":
        ahead: Any = comparison.value
        return text[5:10] in anniversaries(ahead, today)
    days = days_of(comparison, today)
    start, end = map(written, days.instants(zone)) if is_instant else days.dates()
    return (start is None or start <= text) and (end is None or text < end)


def _plain(value: Any) -> Any:
    """A value as it is compared: folded text, a decimal number, or what it is."""
    match value:
        case bool():
            return value
        case str():
            return fold(value)
        case int() | float():
            return Decimal(str(value))
        case tuple():
            return tuple(map(_plain, value))
    return None


def _same(value: Any, wanted: Any) -> bool:
    return value is not None and type(value) is type(wanted) and value == wanted


def _of(kind: type, test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """The test, for values of that type alone."""
    return lambda value, wanted: isinstance(value, kind) and test(value, wanted)


DAY = timedelta(days=1)
_FOLDED = {ord("İ"): "i", ord("Σ"): "σ"}
OPPOSITES = {"is_not": "is", "not_in": "in", "not_contains": "contains", "missing": "exists"}
TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "is": _same,
    "in": lambda value, wanted: any(_same(value, one) for one in wanted),
    "contains": _of(str, operator.contains),
    "starts_with": _of(str, str.startswith),
    "ends_with": _of(str, str.endswith),
    "gt": _of(Decimal, operator.gt),
    "gte": _of(Decimal, operator.ge),
    "lt": _of(Decimal, operator.lt),
    "lte": _of(Decimal, operator.le),
    "between": _of(Decimal, lambda value, ends: ends[0] <= value <= ends[1]),
}
