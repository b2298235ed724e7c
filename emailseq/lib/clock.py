"""The one clock. Tests and simulations move it; nothing else in the product reads the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from zoneinfo import available_timezones

from django.db import connection

_frozen: datetime | None = None


def now() -> datetime:
    """This instant, in UTC, on this process's clock."""
    return _frozen or datetime.now(UTC)


def db_now() -> datetime:
    """This instant on the database's clock, read once per tick: all hosts agree on "due"."""
    if _frozen is not None:
        return _frozen
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        instant: datetime = cursor.fetchone()[0]
    return instant


def held_at() -> datetime | None:
    """Where the clocks are held, if they are: for SQL that otherwise reads its own clock."""
    return _frozen


@cache
def zones() -> frozenset[str]:
    """The names of all IANA time zones."""
    return frozenset(available_timezones())


@contextmanager
def frozen(instant: datetime) -> Iterator[None]:
    """Hold both clocks at `instant` (aware) for the duration of the block."""
    global _frozen
    before, _frozen = _frozen, instant
    try:
        yield
    finally:
        _frozen = before
