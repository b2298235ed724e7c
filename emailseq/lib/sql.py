"""Hot SQL lives in `<app>/sql/<name>.sql`, so that it can be read, planned and tested as SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

from django.db import connection

_ROOT = Path(__file__).resolve().parents[2]


@cache
def load(app: str, name: str) -> LiteralString:
    """The text of `<app>/sql/<name>.sql`; a file of the product is as literal as its source."""
    return (_ROOT / app / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def fetch(
    app: str, name: str, parameters: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Run a statement in the caller's transaction; the rows it returns."""
    with connection.cursor() as cursor:
        cursor.execute(load(app, name), parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def run(app: str, name: str, parameters: Mapping[str, Any]) -> int:
    """Run a statement that returns no rows; how many it has touched."""
    with connection.cursor() as cursor:
        cursor.execute(load(app, name), parameters)
        return int(cursor.rowcount)


def columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows, one at least, as the arrays that a statement unnests, by name."""
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def packed(columns: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """The same arrays as the text that PostgreSQL reads: the driver takes thrice the time for it.

    For statements that say of what type each is, and say it to thousands of rows a second.
    """
    return {name: f"{{{','.join(map(_element, values))}}}" for name, values in columns.items()}


def _element(value: Any) -> str:
    match value:
        case str():
            escaped = value.replace("\\", r"\\").replace('"', r"\"")
            return f'"{escaped}"'
        case bool() | int():
            return str(value)
        case None:
            return "NULL"
        case datetime():
            return value.isoformat()
    raise TypeError(f"Arrays are not packed of {type(value).__name__}.")
