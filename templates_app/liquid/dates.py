"""The `date` filter. Pure: no clock, no guessing, the same text every time."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

MAX_FORMAT = 64


def format_date(value: Any, layout: Any = "%Y-%m-%d") -> str:
    """A date, a datetime or ISO 8601 text in the words of strftime; other text as it is.

    What is missing prints as nothing. There is no "now": a repeated message is the same message.
    """
    moment = _moment(value)
    if moment is None:
        return str(value) if isinstance(value, str) else ""
    if not isinstance(layout, str) or len(layout) > MAX_FORMAT:
        raise ValueError(f"a date format has at most {MAX_FORMAT} characters")
    return moment.strftime(layout)


def _moment(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None
