"""Tables partitioned by month: partitions are made ahead of time; a DEFAULT one is the net."""

from __future__ import annotations

from datetime import date, datetime

from django.db import connection, transaction
from psycopg import sql


@transaction.atomic
def make_ahead(table: str, *, now: datetime, months: int = 3) -> int:
    """Create the partitions of `table` for this month and the next `months`; how many were new."""
    with connection.cursor() as cursor:  # two ticks at once: the second one finds them made
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [table])
    return sum(_make(table, _month(now.date(), ahead)) for ahead in range(months + 1))


def _make(table: str, first: date) -> bool:
    name = f"{table}_{first:%Y_%m}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NULL", [name])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(name),
                sql.Identifier(table),
                sql.Literal(f"{first}T00:00:00Z"),
                sql.Literal(f"{_month(first, 1)}T00:00:00Z"),
            )
        )
    return True


def _month(day: date, ahead: int) -> date:
    years, month = divmod(day.month - 1 + ahead, 12)
    return date(day.year + years, month + 1, 1)
