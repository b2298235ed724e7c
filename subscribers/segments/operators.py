"""Comparisons as SQL: a table of operators, whose fragments take nothing but bound values.

A fragment is NULL where the value is missing or of another type: it does not match.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.sql import SQL, Composable
from psycopg.types.json import Jsonb

from subscribers.segments.comparisons import SHAPE, Comparison, is_of_days
from subscribers.segments.evaluate import OPPOSITES, anniversaries, day_range, fold

Bind = Callable[[Any], Composable]  # makes a value a parameter of the statement

NOTHING = SQL("NULL")


class Value(NamedTuple):
    """Where a value is found, by the type it is wanted as; `given` is whatever it is, as text."""

    given: Composable
    day: Composable
    text: Composable = NOTHING
    number: Composable = NOTHING
    json: Composable = NOTHING


def text_column(column: Composable) -> Value:
    return Value(given=column, day=_day(column), text=column)


def instant_column(column: Composable, *, zone: Composable) -> Value:
    """An instant stands for its day in the zone."""
    day = SQL("to_char({column} AT TIME ZONE {zone}, 'YYYY-MM-DD')")
    return Value(given=SQL("{}::text").format(column), day=day.format(column=column, zone=zone))


def json_member(column: Composable, name: Composable) -> Value:
    json = SQL("({} -> {}::text)").format(column, name)
    given = SQL("({} ->> {}::text)").format(column, name)
    return Value(
        given=given,
        day=_day(given),
        text=SQL("CASE WHEN jsonb_typeof({json}) = 'string' THEN {given} END").format(
            json=json, given=given
        ),
        number=SQL("CASE WHEN jsonb_typeof({json}) = 'number' THEN {json}::numeric END").format(
            json=json
        ),
        json=json,
    )


def compare(comparison: Comparison, value: Value, *, bind: Bind, today: date) -> Composable:
    """The condition that the value compares so."""
    op, wanted = comparison.op, comparison.value
    if positive := OPPOSITES.get(op):
        same = compare(Comparison(positive, wanted), value, bind=bind, today=today)
        return SQL("({}) IS NOT TRUE").format(same)
    if op == "exists":
        return SQL("{} <> ''").format(value.given)
    if is_of_days(comparison):
        return _compare_days(comparison, value, bind, today)
    match wanted[0] if isinstance(wanted, tuple) else wanted:
        case bool():
            return SQL("{} = {}::jsonb").format(value.json, bind(Jsonb(wanted)))
        case str():
            return TEXTS[op].format(text=value.text, wanted=bind(_folded(wanted)))
    return NUMBERS[op].format(number=value.number, wanted=bind(_decimal(wanted)))


# The value is folded as `lower` does it.
TEXTS = {
    "is": SQL("lower({text}) = {wanted}"),
    "in": SQL("lower({text}) = ANY({wanted}::text[])"),
    "contains": SQL("strpos(lower({text}), {wanted}) > 0"),
    "starts_with": SQL("starts_with(lower({text}), {wanted})"),
    "ends_with": SQL("right(lower({text}), length({wanted})) = {wanted}"),
}
NUMBERS = {
    "is": SQL("{number} = {wanted}::numeric"),
    "in": SQL("{number} = ANY({wanted}::numeric[])"),
    "gt": SQL("{number} > {wanted}::numeric"),
    "gte": SQL("{number} >= {wanted}::numeric"),
    "lt": SQL("{number} < {wanted}::numeric"),
    "lte": SQL("{number} <= {wanted}::numeric"),
    "between": SQL("{number} BETWEEN ({wanted}::numeric[])[1] AND ({wanted}::numeric[])[2]"),
}


def _day(text: Composable) -> Composable:
    """Dates are text of one shape, and compare like text."""
    return SQL("CASE WHEN {text} ~ {shape} THEN {text} END").format(text=text, shape=f"^{SHAPE}$")


def _compare_days(comparison: Comparison, value: Value, bind: Bind, today: date) -> Composable:
    if comparison.op == "anniversary_in":
        ahead: Any = comparison.value
        days = bind(sorted(anniversaries(ahead, today)))
        return SQL("substr({}, 6) = ANY({}::text[])").format(value.day, days)
    low, high = map(bind, day_range(comparison, today))
    return SQL('({}) COLLATE "C" BETWEEN {} AND {}').format(value.day, low, high)


def _folded(wanted: Any) -> Any:
    return list(map(fold, wanted)) if isinstance(wanted, tuple) else fold(wanted)


def _decimal(wanted: Any) -> Any:
    return list(map(_decimal, wanted)) if isinstance(wanted, tuple) else Decimal(str(wanted))
