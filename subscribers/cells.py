"""Cells of CSV files that people open in spreadsheets. Pure."""

from __future__ import annotations

# A spreadsheet takes a cell that starts like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def inert(text: str) -> str:
    """The text, behind an apostrophe if a spreadsheet would run it."""
    return f"'{text}" if text.startswith(_FORMULA) else text
