"""Hot SQL lives in `<app>/sql/<name>.sql`, so that it can be read, planned and tested as SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
