"""The error file of an import: every refused row with its line and the reason, safe to open."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from emailseq.lib.errors import Invalid
from subscribers.cells import inert
from subscribers.imports.read import Layout, Row, readable

_MAX_CELL = 32_000  # more, no spreadsheet shows


class ErrorFile:
    """Made with the first refused row; replaces what another import has left at `path`.

    The rows that a run which was cut off has written stay, as far as its `done_lines` reach: those
    behind them are going to be refused again. Raises Invalid when the file cannot be written.
    """

    def __init__(self, path: Path, *, layout: Layout, done_lines: int) -> None:
        if path.exists() and path.samefile(layout.path):
            raise Invalid.field("errors", "same_file", "The error file is the file itself.")
        self.path, self.done_lines = path, done_lines
        self.header = columns_of_refused(layout.header)
        self._begun = False
        if not done_lines:
            with _explained():
                path.unlink(missing_ok=True)

    def add(self, refused: Iterable[tuple[Row, str]]) -> None:
        """Append rows; they are on the disk when this returns."""
        with _explained():
            if not self._begun:
                self._begin()
            rows = (line_of(row, reason) for row, reason in refused)
            with self.path.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(rows)
                file.flush()
                os.fsync(file.fileno())

    def _begin(self) -> None:
        draft = self.path.with_name(f"{self.path.name}.new")
        with draft.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(self.header)
            csv.writer(file).writerows(self._kept())
        draft.replace(self.path)
        self._begun = True

    def _kept(self) -> Iterator[Sequence[str]]:
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if row and row[0].isdigit() and int(row[0]) <= self.done_lines:
                    yield row


def columns_of_refused(header: Sequence[str]) -> list[str]:
    return ["import_line", "import_error", *map(_safe, header)]


def line_of(row: Row, reason: str) -> list[str]:
    return [str(row.line), reason, *map(_safe, row.cells)]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        detail = f"The error file cannot be written: {error}"
        raise Invalid.field("errors", "not_writable", detail) from error


def _safe(cell: str) -> str:
    return inert(readable(cell)[:_MAX_CELL])
