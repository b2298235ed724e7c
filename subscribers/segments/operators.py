"""Comparisons as SQL: a table of operators, whose fragments take nothing but bound values.

A fragment is NULL where the value is missing or of another type: it does not match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.sql import SQL, Composable
from psycopg.types.json import Jsonb

from subscribers.segments.comparisons import DATE, INSTANT, Comparison, is_of_days
from subscribers.segments.evaluate import OPPOSITES, Days, anniversaries, days_of, fold, written

Bind = Callable[[Any], Composable]  # makes a value a parameter of the statement

NOTHING = SQL("NULL")


class Value(NamedTuple):
    """Where a value is found, by the type it is wanted as; `given` is whatever it is, as text."""

    given: Composable
    text: Composable = NOTHING
    number: Composable = NOTHING
    json: Composable = NOTHING
    instant: Composable | None = None  # of a column that never is anything else


def text_column(column: Composable) -> Value:
    return Value(given=column, text=column)


def instant_column(column: Composable) -> Value:
    return Value(given=SQL("({}::text)").format(column), instant=column)


def json_member(column: Composable, name: Composable) -> Value:
    json = SQL("({} -> {}::text)").format(column, name)
    given = SQL("({} ->> {}::text)").format(column, name)
    return Value(
        given=given,
        text=SQL("CASE WHEN jsonb_typeof({json}) = 'string' THEN {given} END").format(
            json=json, given=given
        ),
        number=SQL("CASE WHEN jsonb_typeof({json}) = 'number' THEN {json}::numeric END").format(
            json=json
        ),
        json=json,
    )


def compare(
    comparison: Comparison, value: Value, *, bind: Bind, today: date, zone: str
) -> Composable:
    """The condition that the value compares so; `zone` is the workspace's."""
    op = comparison.op
    wanted: Any = comparison.value
    if positive := OPPOSITES.get(op):
        same = compare(Comparison(positive, wanted), value, bind=bind, today=today, zone=zone)
        return SQL("({}) IS NOT TRUE").format(same)
    if op == "exists":
        return SQL("{} <> ''").format(value.given)
    if is_of_days(comparison):
        if op == "anniversary_in":
            return _has_anniversary(value, bind(sorted(anniversaries(wanted, today))))
        return _lies(days_of(comparison, today), value, bind, zone)
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


def _has_anniversary(value: Value, days: Composable) -> Composable:
    if value.instant:
        day = SQL("to_char({} AT TIME ZONE 'UTC', 'MM-DD')").format(value.instant)
    else:
        day = SQL("CASE WHEN {given} ~ {shape} THEN substr({given}, 6, 5) END").format(
            given=value.given, shape=f"^({DATE}|{INSTANT})$"
        )
    return SQL("{} = ANY({}::text[])").format(day, days)


def _lies(days: Days, value: Value, bind: Bind, zone: str) -> Composable:
    """Dates, and the instants of JSON, are text of one shape each, and compare like text."""
    instants = days.instants(zone)
    if value.instant:
        return _is_between(value.instant, instants, bind)
    text = SQL('{} COLLATE "C"').format(value.given)
    return SQL(
        "CASE WHEN {given} ~ {date} THEN {is_date} WHEN {given} ~ {instant} THEN {is_instant} END"
    ).format(
        given=value.given,
        date=f"^{DATE}$",
        instant=f"^{INSTANT}$",
        is_date=_is_between(text, days.dates(), bind),
        is_instant=_is_between(text, list(map(written, instants)), bind),
    )


def _is_between(value: Composable, bounds: Sequence[Any], bind: Bind) -> Composable:
    start, end = bounds
    parts = [SQL("{} >= {}").format(value, bind(start))] if start else []
    parts += [SQL("{} < {}").format(value, bind(end))] if end else []
    return SQL(" AND ").join(parts)


def _folded(wanted: Any) -> Any:
    return list(map(fold, wanted)) if isinstance(wanted, tuple) else fold(wanted)


def _decimal(wanted: Any) -> Any:
    return list(map(_decimal, wanted)) if isinstance(wanted, tuple) else Decimal(str(wanted))
