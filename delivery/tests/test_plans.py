"""How PostgreSQL goes about the hot statements: by key, however large the tables are."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from delivery.tests.factories import queue
from emailseq.lib import sql
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db

LARGE = {"delivery_outbox", "subscribers_subscriber", "subscribers_subscription"}
TYPES = {
    "token": "uuid",
    "now": "timestamptz",
    "ids": "bigint[]",
    "priorities": "smallint[]",
    "kinds": "text[]",
    "source_ids": "bigint[]",
    "domain_groups": "text[]",
    "quotas": "int[]",
    "transport_id": "bigint",
}


@pytest.mark.parametrize("name", ["waiting", "claim", "mark", "look"])
def test_a_pump_reads_messages_and_people_by_key(name):
    """Of the plan that a pump's connection keeps, whatever the arguments are."""
    news = ListFactory()
    queue(make_audience(5000, on=news), on=news)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute(f"EXPLAIN (GENERIC_PLAN, COSTS OFF) {_numbered(name)}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "delivery_outbox" in plan
    assert not LARGE & set(re.findall(r"Seq Scan on (\w+)", plan))


def _numbered(name):
    """The statement with its parameters as PREPARE writes them."""
    query = sql.load("delivery", name)
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    for number, parameter in enumerate(names, 1):
        query = query.replace(f"%({parameter})s", f"${number}::{TYPES[parameter]}")
    return query
