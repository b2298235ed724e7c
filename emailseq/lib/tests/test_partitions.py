from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from emailseq.lib import partitions

pytestmark = pytest.mark.django_db


@pytest.fixture
def table():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE fact (at timestamptz NOT NULL) PARTITION BY RANGE (at)")
        cursor.execute("CREATE TABLE fact_default PARTITION OF fact DEFAULT")
    return "fact"


def test_months_are_made_ahead_once(table):
    now = datetime(2026, 11, 30, 23, tzinfo=UTC)

    assert partitions.make_ahead(table, now=now) == 4
    assert _partitions() == ["fact_2026_11", "fact_2026_12", "fact_2027_01", "fact_2027_02"]

    assert partitions.make_ahead(table, now=now) == 0
    assert partitions.make_ahead(table, now=datetime(2026, 12, 1, tzinfo=UTC)) == 1
    assert _partitions()[-1] == "fact_2027_03"


def test_a_month_begins_and_ends_at_midnight_utc(table):
    partitions.make_ahead(table, now=datetime(2026, 2, 1, tzinfo=UTC), months=0)

    with connection.cursor() as cursor:
        for at in ("2026-01-31T23:59:59.999999Z", "2026-02-01T00:00Z", "2026-02-28T23:59:59Z"):
            cursor.execute("INSERT INTO fact VALUES (%s)", [at])
        cursor.execute("INSERT INTO fact VALUES ('2026-03-01T00:00Z')")
        cursor.execute("SELECT tableoid::regclass::text, count(*) FROM fact GROUP BY 1 ORDER BY 1")
        assert cursor.fetchall() == [("fact_2026_02", 2), ("fact_default", 2)]


def _partitions():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = 'fact'::regclass AND inhrelid <> 'fact_default'::regclass ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]
