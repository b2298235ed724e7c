"""Comparisons: what a field, or a property of an event, is compared with, and how. Pure.

The operator gives its value a type, and the value compared must have that type too: text never
equals a number. What each operator means stands in `evaluate.py`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from subscribers.segments import reading
from subscribers.segments.reading import Object, Reader, each, fault

MAX_CHOICES, MAX_NUMBER, MAX_SPAN = 1000, 10**15, timedelta(days=3660)

FIRST_DAY, LAST_DAY = date(1000, 1, 1), date(2999, 12, 31)
# What makes text a date, and what an instant (in UTC), for Python and PostgreSQL alike.
DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
INSTANT = DATE + "T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z"
DAYS = ("before", "after", "on", "in_last", "in_next", "anniversary_in")

_SPAN = re.compile(
    r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII
)
_UNITS = ("weeks", "days", "hours", "minutes", "seconds")


@dataclass(frozen=True, slots=True)
class Entry:
    """A property of the event that started a run, in the place of a value."""

    property: str


Scalar = str | int | float | bool
Operand = Scalar | date | timedelta | tuple[Any, ...] | Entry | None


@dataclass(frozen=True, slots=True)
class Comparison:
    op: str
    value: Operand = None


def is_of_days(comparison: Comparison) -> bool:
    """Whether it compares dates."""
    ends = comparison.value if comparison.op == "between" else None
    return comparison.op in DAYS or (isinstance(ends, tuple) and isinstance(ends[0], date))


def read(given: Object, *, entry: bool = False) -> Comparison:
    """The members `op` and `value`; with `entry`, that may stand for the value of (un)equality."""
    if entry and "entry" in given.left:
        op = given.take("op", reading.word(("is", "is_not")))
        return Comparison(op, Entry(given.take("entry", reading.text)))
    op = given.take("op", reading.word(OPERATORS))
    reader = OPERATORS.get(op) if op else _anything
    return Comparison(op, given.take("value", reader) if reader else None)


def dump(comparison: Comparison) -> dict[str, Any]:
    """As JSON; `read` is the inverse."""
    if isinstance(comparison.value, Entry):
        return {"op": comparison.op, "entry": comparison.value.property}
    if comparison.value is None:
        return {"op": comparison.op}
    return {"op": comparison.op, "value": _plain(comparison.value)}


def span(value: Any, at: str) -> timedelta:
    """A duration in ISO 8601, of units that are always as long: weeks, days, hours, …"""
    found = _SPAN.fullmatch(value) if isinstance(value, str) and len(value) <= 30 else None
    amounts = [int(amount or 0) for amount in found.groups()] if found else []
    if not any(amounts):
        raise fault(at, "invalid", "This must be a duration like P30D, P2W or PT12H.")
    try:
        length = timedelta(**dict(zip(_UNITS, amounts, strict=True)))
    except OverflowError:
        length = timedelta.max
    if length > MAX_SPAN:
        raise fault(at, "too_large", f"At most P{MAX_SPAN.days}D.")
    return length


def written(length: timedelta) -> str:
    """`P1DT12H`: the duration in ISO 8601."""
    minutes, seconds = divmod(length.seconds, 60)
    amounts = zip("HMS", (*divmod(minutes, 60), seconds), strict=True)
    time = "".join(f"{amount}{unit}" for unit, amount in amounts if amount)
    return "P" + (f"{length.days}D" if length.days else "") + (f"T{time}" if time else "")


def _number(value: Any, at: str) -> int | float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise fault(at, "invalid", "This must be a number.")
    if abs(value) > MAX_NUMBER:
        raise fault(at, "too_large", f"At most {MAX_NUMBER:,}.")
    number: int | float = value
    return number


def _scalar(value: Any, at: str) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return reading.text(value, at)
    if isinstance(value, int | float):
        return _number(value, at)
    raise fault(at, "invalid", "This must be text, a number, true or false.")


def _choices(value: Any, at: str) -> tuple[Any, ...]:
    chosen = each(value, at, _scalar)
    if len({isinstance(one, str) for one in chosen}) != 1 or bool in map(type, chosen):
        raise fault(at, "invalid", "This must be a list of texts, or of numbers.")
    if len(chosen) > MAX_CHOICES:
        raise fault(at, "too_long", f"At most {MAX_CHOICES:,} choices.")
    return chosen


def _day(value: Any, at: str) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(DATE, value):
            day = date.fromisoformat(value)
            if FIRST_DAY <= day <= LAST_DAY:
                return day
    except ValueError:
        pass
    raise fault(at, "invalid", "This must be a date like 2026-12-24.")


def _range(value: Any, at: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) != 2:
        raise fault(at, "invalid", "This must be a list of two: from and to.")
    low, high = each(value, at, _day if isinstance(value[0], str) else _number)
    if low > high:
        raise fault(at, "invalid", "The first must not be more than the second.")
    return low, high


def _days(value: Any, at: str) -> timedelta:
    length = span(value, at)
    if length % timedelta(days=1):
        raise fault(at, "invalid", "Dates are counted in whole days: P7D, P2W.")
    return length


def _anything(value: Any, at: str) -> None:
    """For what cannot be judged before its operator is right."""


# Every operator, and how its value is read; None: it takes none.
OPERATORS: dict[str, Reader | None] = {
    **dict.fromkeys(("exists", "missing")),
    **dict.fromkeys(("is", "is_not"), _scalar),
    **dict.fromkeys(("contains", "not_contains", "starts_with", "ends_with"), reading.text),
    **dict.fromkeys(("in", "not_in"), _choices),
    **dict.fromkeys(("gt", "gte", "lt", "lte"), _number),
    "between": _range,
    **dict.fromkeys(("before", "after", "on"), _day),
    **dict.fromkeys(("in_last", "in_next", "anniversary_in"), _days),
}


def _plain(value: Any) -> Any:
    match value:
        case tuple():
            return [_plain(one) for one in value]
        case date():
            return value.isoformat()
        case timedelta():
            return written(value)
    return value
