"""Custom fields: what a value of each kind looks like, and how text becomes one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from accounts.models import Workspace
from emailseq.lib.errors import Invalid, Problem
from subscribers.models import CustomField
from subscribers.states import FieldKind

MAX_BYTES = 64 * 1024
# A comma before three digits is refused: 1,000 is one in one country and a thousand in the next.
_NUMBER = re.compile(r"[+-]?(?:\d*\.\d+|\d+(?:,(?:\d{1,2}|\d{4,}))?)", re.ASCII)
_TRUE, _FALSE = ("true", "yes", "1", "y", "t"), ("false", "no", "0", "n", "f")


def check_fields(workspace: Workspace, values: Mapping[str, Any]) -> None:
    """Raise Invalid unless every value has the kind its custom field was declared with.

    Members without a declared field are kept as free JSON; 64 KB in all.
    """
    if not values:
        return
    if len(json.dumps(values)) > MAX_BYTES:
        raise Invalid.field("fields", "too_long", "Fields take at most 64 KB in all.")
    declared = CustomField.objects.of(workspace).filter(key__in=list(values))
    problems = [
        Problem(f"/fields/{field.key}", "field_type", f"{field.label} is a {field.kind}.")
        for field in declared
        if values[field.key] is not None and not _fits(field.kind, values[field.key])
    ]
    if problems:
        raise Invalid(problems)


def from_text(kind: str, text: str) -> Any:
    """The value that `text` (a cell of a file) stands for. Raises ValueError when it is none."""
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


# What JSON has for a value, where it is not text.
_TYPES: dict[str, tuple[type, ...]] = {FieldKind.NUMBER: (int, float), FieldKind.BOOLEAN: (bool,)}
# How a cell is read, where it is not taken as it is.
PARSERS: dict[str, Callable[[str], Any]] = {
    FieldKind.NUMBER: _number,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.DATE: _date,
}


def _fits(kind: str, value: Any) -> bool:
    if kind == FieldKind.DATE:
        try:
            _date(value)
        except (TypeError, ValueError):
            return False
    return type(value) in _TYPES.get(kind, (str,))
