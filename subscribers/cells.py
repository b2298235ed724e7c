"""CSV files that people open in spreadsheets, cell by cell. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any

# A spreadsheet takes a cell that starts like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def inert(text: str) -> str:
    """The text, behind an apostrophe if a spreadsheet would run it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Rows, whose texts are inert already, as CSV, some thousand characters at a time."""
    text = StringIO()
    out = csv.writer(text)
    for row in rows:
        out.writerow(row)
        if text.tell() > 8192:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()
