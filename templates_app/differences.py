"""What differs between two states of a template, line by line. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher, unified_diff
from itertools import zip_longest
from typing import Any, NamedTuple

_MOST = 2_000  # lines


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    """The lines of each part that are not the same, as `diff -u` writes them; only what differs."""
    found = {}
    for part in sorted({**before, **after}):
        old, new = _lines(before.get(part)), _lines(after.get(part))
        if old != new:
            found[part] = list(_changed(old, new))[:_MOST]
    return found


class Row(NamedTuple):
    """A line as it was and as it is; None where there is none. `how` is same, changed or gap."""

    before: str | None
    after: str | None
    how: str


def side_by_side(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The same beside each other, with the lines around what differs."""
    found = {}
    for part in sorted({**before, **after}):
        old, new = _lines(before.get(part)), _lines(after.get(part))
        if old != new:
            found[part] = list(_rows(old, new))[:_MOST]
    return found


def _rows(old: list[str], new: list[str]) -> Iterator[Row]:
    for number, group in enumerate(SequenceMatcher(None, old, new, False).get_grouped_opcodes(2)):
        if number:
            yield Row(None, None, "gap")
        for kind, start, end, begin, stop in group:
            how = "same" if kind == "equal" else "changed"
            for was, now in zip_longest(old[start:end], new[begin:stop]):
                yield Row(was, now, how)


def _changed(old: list[str], new: list[str]) -> Iterator[str]:
    lines = unified_diff(old, new, lineterm="", n=2)
    for number, line in enumerate(lines):
        if number > 1:  # the names of two files
            yield line


def _lines(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return value.splitlines()
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).splitlines()
