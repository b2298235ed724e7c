"""Hot SQL lives in `<app>/sql/<name>.sql`, so that it can be read, planned and tested as SQL."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString

_ROOT = Path(__file__).resolve().parents[2]


@cache
def load(app: str, name: str) -> LiteralString:
    """The text of `<app>/sql/<name>.sql`; a file of the product is as literal as its source."""
    return (_ROOT / app / "sql" / f"{name}.sql").read_text(encoding="utf-8")
