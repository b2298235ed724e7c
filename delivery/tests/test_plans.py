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
    "pepper": "bytea",
    "now": "timestamptz",
    "ids": "bigint[]",
    "priorities": "smallint[]",
    "kinds": "text[]",
    "source_ids": "bigint[]",
    "domain_groups": "text[]",
    "quotas": "int[]",
    "transport_id": "bigint",
    "settled": "timestamptz",
    "limit": "bigint",
}
HITS = """
WITH message AS (
    INSERT INTO delivery_ledger (id, workspace_id, kind, source_id, step_key, run, variant,
                                 subscriber_id, template_version_id, sender_id, queued_at, attempts,
                                 finished_at, outcome, reason, reply)
    SELECT id, 1, 'campaign', 1, '', 0, '', id, 1, 1, now(), 1, now(), 'sent', '', ''
      FROM generate_series(1, 5000) AS id
    RETURNING id
)
INSERT INTO delivery_hit (message_id, kind, link, at, user_agent, network)
SELECT id, 'open', 0, now(), '', '' FROM message
"""


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


def test_a_drain_reads_hits_and_messages_by_key():
    with connection.cursor() as cursor:
        cursor.execute(HITS)
        cursor.execute("ANALYZE delivery_hit, delivery_ledger")
        cursor.execute(f"EXPLAIN (GENERIC_PLAN, COSTS OFF) {_numbered('drain_hits')}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("SELECT tableoid::regclass::text FROM delivery_ledger LIMIT 1")
        [(month,)] = cursor.fetchall()

    assert f"{month}_pkey" in plan
    assert "Index Scan using hit_of_message" in plan or "Index Scan on hit_of_message" in plan
    assert not {"delivery_hit", month} & set(re.findall(r"Seq Scan on (\w+)", plan))


def _numbered(name):
    """The statement with its parameters as PREPARE writes them."""
    query = sql.load("delivery", name)
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    for number, parameter in enumerate(names, 1):
        query = query.replace(f"%({parameter})s", f"${number}::{TYPES[parameter]}")
    return query
