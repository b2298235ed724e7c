"""Custom fields: what a value of each kind looks like, and how text becomes one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from accounts.models import Workspace
from emailseq.lib.errors import Invalid, Problem
from subscribers.models import CustomField
from subscribers.states import FieldKind

MAX_BYTES = 64 * 1024
# A comma before three digits is refused: 1,000 is one in one country and a thousand in the next.
_NUMBER = re.compile(r"[+-]?(?:\d*\.\d+|\d+(?:,(?:\d{1,2}|\d{4,}))?)", re.ASCII)
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)\Z", re.ASCII)
_TRUE, _FALSE = ("true", "yes", "1", "y", "t"), ("false", "no", "0", "n", "f")


def checked(
    workspace: Workspace,
    values: Mapping[str, Any],
    declared: Iterable[CustomField] | None = None,
) -> dict[str, Any]:
    """The values as they are stored: each of the kind its custom field was declared with.

    `declared` are the fields of the workspace, for whoever has many people to check. Members
    without a declared field are kept as free JSON; 64 KB in all. Raises Invalid.
    """
    if not values:
        return {}
    if len(json.dumps(values)) > MAX_BYTES:
        raise Invalid.field("fields", "too_long", "Fields take at most 64 KB in all.")
    stored, problems = dict(values), []
    if declared is None:
        declared = CustomField.objects.of(workspace).filter(key__in=list(values))
    for field in declared:
        try:
            if values.get(field.key) is not None:
                stored[field.key] = fitting(field, values[field.key])
        except ValueError:
            detail = f"{field.label} {_wanted(field)}."
            problems.append(Problem(f"/fields/{field.key}", "field_type", detail))
    if problems:
        raise Invalid(problems)
    return stored


def from_text(kind: str, text: str, *, choices: Sequence[str] = ()) -> Any:
    """The value that `text` (a cell of a file) stands for. Raises ValueError when it is none."""
    if kind == FieldKind.CHOICE:
        return _choice(text, choices)
    parse = PARSERS.get(kind)
    return parse(text) if parse else text


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text) or abs(number := float(text.replace(",", "."))) > 1e15:
        raise ValueError(text)
    return int(number) if number.is_integer() else number


def _boolean(text: str) -> bool:
    if (word := text.lower()) not in _TRUE + _FALSE:
        raise ValueError(text)
    return word in _TRUE


def _date(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _instant(text: str) -> str:
    """In UTC and to the second. Without an offset it could mean any of forty instants."""
    try:
        instant = datetime.fromisoformat(text).astimezone(UTC) if _OFFSET.search(text) else None
    except OverflowError:
        instant = None
    if instant is None:
        raise ValueError(text)
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def _choice(text: str, choices: Sequence[str]) -> str:
    """The choice that the text names, however that is capitalised."""
    named = {choice.casefold(): choice for choice in choices}
    if text.casefold() not in named:
        raise ValueError(text)
    return named[text.casefold()]


# What JSON has for a value, where it is not text.
_TYPES: dict[str, tuple[type, ...]] = {FieldKind.NUMBER: (int, float), FieldKind.BOOLEAN: (bool,)}
# How a cell is read, where it is not taken as it is.
PARSERS: dict[str, Callable[[str], Any]] = {
    FieldKind.NUMBER: _number,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.DATE: _date,
    FieldKind.DATETIME: _instant,
}
# How dates and instants are written in JSON: files may be freer.
_SHAPES = {
    FieldKind.DATE: re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    FieldKind.DATETIME: re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII
    ),
}


def fitting(field: CustomField, value: Any) -> Any:
    """As it is stored. Raises ValueError when it is not of the field's kind."""
    if type(value) not in _TYPES.get(field.kind, (str,)):
        raise ValueError(value)
    if field.kind == FieldKind.CHOICE and value not in field.choices:
        raise ValueError(value)
    if shape := _SHAPES.get(FieldKind(field.kind)):
        if not shape.fullmatch(value):
            raise ValueError(value)
        return PARSERS[field.kind](value)
    return value


def _wanted(field: CustomField) -> str:
    if field.kind == FieldKind.CHOICE:
        return f"is one of: {', '.join(field.choices)}"
    return f"is a {field.kind}"
