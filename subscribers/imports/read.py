"""CSV as it comes: how a file is written, and its rows one by one. Pure.

Nothing is guessed that could be wrong in silence: without a byte order mark or a named encoding a
file counts as UTF-8, and a row that is none is refused. Memory holds one row at a time.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

from emailseq.lib.errors import Invalid

MAX_COLUMNS = 200
MAX_CELL = 64 * 1024
_MAX_LINE = MAX_COLUMNS * MAX_CELL
DELIMITERS = (",", ";", "\t", "|")
_OTHERS = (
    *(b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0", b"{"),  # zip and xlsx, xls, JSON
    *(b"\x1f\x8b", b"BZh", b"\xfd7zX", b"7z\xbc\xaf", b"Rar!", b"%PDF", b"\x89PNG"),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # starts like UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ADDRESS = re.compile(r"\S+@\S+\.\S+")
_BROKEN = re.compile("[\0\ud800-\udfff]")

csv.field_size_limit(MAX_CELL)  # the module has no other limit than this one of the process


def _mark_broken_bytes(error: UnicodeError) -> tuple[str, int]:
    """Let undecodable bytes stand in the text as U+DC00 + byte, whatever the encoding is."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in broken), error.end


codecs.register_error("mark-broken-bytes", _mark_broken_bytes)


@dataclass(frozen=True)
class Layout:
    """How a file is written. The first row of people stands behind `head_lines` lines."""

    path: Path
    encoding: str
    assumed: bool
    delimiter: str
    header: tuple[str, ...]
    head_lines: int


class Row(NamedTuple):
    """One row, which may span lines. `fault` says why it cannot be taken, if it cannot."""

    line: int
    last_line: int
    cells: list[str]
    fault: str


def examine(path: Path, *, encoding: str | None = None, headless: bool = False) -> Layout:
    """How the file is written. Raises Invalid when it is no CSV that people can be read from.

    A `headless` file may begin with a person; its columns are called by their numbers then.
    """
    if not path.is_file():
        raise Invalid.field("file", "not_found", f"There is no file {path}.")
    with path.open("rb") as raw:
        start = raw.read(4)
    if start.startswith(_OTHERS):
        detail = "This is a spreadsheet, an archive or JSON, not CSV: save it as CSV first."
        raise Invalid.field("file", "not_csv", detail)
    marked = marked_encoding(start)
    chosen = _known(encoding) if encoding else marked or "utf-8"
    with _open(path, chosen) as file:
        delimiter, skipped = _delimiter(file)
    first_rows = _rows(path, chosen, delimiter, after=skipped)
    head = next(first_rows, None)
    if head is None:
        raise Invalid.field("file", "empty", "The file is empty.")
    header, head_lines = _header(head, headless)
    if head_lines == head.last_line and next(first_rows, None) is None:
        raise Invalid.field("file", "no_rows", "The file has a header and no rows below it.")
    return Layout(path, chosen, not (encoding or marked), delimiter, header, head_lines)


def marked_encoding(start: bytes) -> str:
    """What the first four bytes of a file say of its encoding, if they say anything."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), "")


def rows(layout: Layout, *, after: int = 0) -> Iterator[Row]:
    """The rows behind line `after` and behind the header; blank ones are left out."""
    start = max(after, layout.head_lines)
    return _rows(layout.path, layout.encoding, layout.delimiter, after=start)


def readable(text: str) -> str:
    r"""The text with NUL and undecodable bytes written as `\xNN`."""
    return _BROKEN.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", text)


def _known(encoding: str) -> str:
    try:
        found = codecs.lookup(encoding)
        "".encode(encoding)  # refuses codecs that are not about text, like zip
    except (LookupError, ValueError) as error:
        detail = f"There is no encoding “{encoding}”. Usual ones: utf-8, cp1252, latin-1, utf-16."
        raise Invalid.field("encoding", "not_found", detail) from error
    return "utf-8-sig" if found.name == "utf-8" else found.name


def _open(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, errors="mark-broken-bytes", newline="")


def _delimiter(file: TextIO) -> tuple[str, int]:
    """The delimiter, and how many lines it took to say so (Excel's `sep=;`)."""
    line = next((line for line in iter(lambda: file.readline(_MAX_LINE), "") if line.strip()), "")
    told = re.fullmatch(r"\ufeff?sep=(.)[\r\n]*", line)
    if told:
        return told[1], 1
    return max(DELIMITERS, key=lambda delimiter: len(_split(line, delimiter))), 0


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _header(head: Row, headless: bool) -> tuple[tuple[str, ...], int]:
    """The column names and the lines they take: none when the first row is a bare address."""
    if head.fault:
        raise Invalid.field("file", "bad_header", f"The first line cannot be read: {head.fault}")
    if len(head.cells) > MAX_COLUMNS:
        detail = f"The file has {len(head.cells)} columns; at most {MAX_COLUMNS} are taken."
        raise Invalid.field("file", "too_many_columns", detail)
    if not any(_ADDRESS.fullmatch(name.strip()) for name in head.cells):
        return tuple(head.cells), head.last_line
    if len(head.cells) == 1:
        return ("email",), head.line - 1
    if headless:
        return tuple(f"Column {n}" for n, _ in enumerate(head.cells, 1)), head.line - 1
    detail = "The first line holds an address: put a line with the column names above it."
    raise Invalid.field("file", "no_header", detail)


class _Lines:
    """The lines of a file, with a memory of those the current row took."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.taken: list[str] = []
        self.again: deque[str] = deque()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else self.file.readline(_MAX_LINE)
        if not line:
            raise StopIteration
        self.taken.append(line)
        return line

    def give_back(self) -> str:
        """The first line of the row; those behind it are going to be read again."""
        first, *others = self.taken
        self.again.extendleft(reversed(others))
        self.taken = [first]
        return first


def _rows(path: Path, encoding: str, delimiter: str, *, after: int) -> Iterator[Row]:
    with _open(path, encoding) as file:
        for _ in range(after):
            file.readline(_MAX_LINE)
        lines, last = _Lines(file), after
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            lines.taken.clear()
            try:
                cells, fault = next(reader), ""
            except StopIteration:
                return
            except csv.Error as error:
                # A quote that is never closed must not take the rows below it along.
                cells, fault = [lines.give_back().rstrip("\r\n")], _sentence(error)
            first, last = last + 1, last + len(lines.taken)
            if any(cell.strip() for cell in cells):
                yield Row(first, last, cells, fault or _broken(lines.taken, encoding))


def _broken(lines: list[str], encoding: str) -> str:
    text = "".join(lines)
    if "\0" in text:
        return "The row holds NUL."
    if not text.isascii() and _BROKEN.search(text):
        name = encoding.removesuffix("-sig").upper()
        return f"The row is not {name}; say which encoding the file has."
    return ""


def _sentence(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"A cell is longer than {MAX_CELL // 1024} KB, or a quote is never closed."
    if "unexpected end" in str(error):
        return "A quote is opened and never closed."
    return "A quoted cell goes on after its closing quote, or is never closed."
