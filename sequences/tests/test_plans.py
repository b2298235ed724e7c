from __future__ import annotations

import re

import pytest
from django.db import connection

from emailseq.lib import clock, sql
from sequences.tests.factories import DAY, EMAIL, let_leave, make_live
from subscribers.suppressed import pepper
from subscribers.tests.factories import SubscriberFactory

pytestmark = pytest.mark.django_db

# 40,000 people inside, each at the wait with a message in the outbox, and nobody due.
CROWD = """
WITH person AS (
    INSERT INTO subscribers_subscriber (workspace_id, uid, email, address_key, first_name,
                                        last_name, time_zone, fields, created_at, updated_at)
    SELECT workspace_id, gen_random_uuid(), n || '@example.org', n || '@example.org', '', '', '',
           '{}', now(), now()
      FROM subscribers_subscriber, generate_series(1, 40000) AS n
    RETURNING id, workspace_id
), message AS (
    INSERT INTO delivery_outbox (workspace_id, kind, source_id, step_key, run, variant,
                                 subscriber_id, template_version_id, sender_id, queued_at, run_at,
                                 attempts, last_reply)
    SELECT workspace_id, 'sequence', %(sequence)s, %(email)s, 1, '', id, 1, 1, now(), now(), 0, ''
      FROM person
), told AS (
    INSERT INTO subscribers_event (xid, workspace_id, subscriber_id, kind, occurred_at, source_kind,
                                   source_id, step_key, variant, verdict, properties, name)
    SELECT subscribers_log_xid(), workspace_id, id, kind, now(), '', 0, '', '', '', '{}', name
      FROM person, (VALUES ('custom', 'visit'), ('custom', 'order'), ('tag.added', ''))
        AS fact (kind, name)
), place AS (
    INSERT INTO subscribers_subscription (list_id, subscriber_id, state, consent_source,
                                          consent_text, created_at)
    SELECT %(list)s, id, 'confirmed', 'test', '', now()
      FROM person
)
INSERT INTO sequences_enrollment (workspace_id, uid, sequence_id, version_id, subscriber_id, run,
                                  state, position, awaits, due_at, entered_step_at, started_at,
                                  reason)
SELECT workspace_id, gen_random_uuid(), %(sequence)s, %(version)s, id, 1, 'active', %(wait)s, '',
       now() + interval '1 day', now(), now(), ''
  FROM person
"""

# Each has come to the email.
STEPS = """
INSERT INTO subscribers_event (xid, workspace_id, subscriber_id, kind, occurred_at, source_kind,
                               source_id, step_key, variant, verdict, properties)
SELECT 1, workspace_id, subscriber_id, 'enrollment.step', now(), 'sequence', %(sequence)s,
       %(email)s, '', '', '{"run": 1}'
  FROM sequences_enrollment
"""


@pytest.fixture
def crowd():
    live = make_live(EMAIL, DAY, EMAIL)
    email, wait, _ = live.steps.values_list("key", flat=True)
    SubscriberFactory(workspace=live.workspace)
    with connection.cursor() as cursor:
        cursor.execute(
            CROWD,
            {
                "sequence": live.pk,
                "version": live.live_version_id,
                "list": live.list_id,
                "email": email,
                "wait": wait,
            },
        )
        cursor.execute("ANALYZE delivery_outbox, sequences_enrollment, subscribers_subscriber")
        half = live.enrollments.order_by("pk")[:10_000].values("subscriber")
        let_leave(subscriber__in=half)
        cursor.execute(STEPS, {"sequence": live.pk, "email": email})
        cursor.execute(
            "ANALYZE sequences_enrollment, delivery_outbox, delivery_ledger, subscribers_event,"
            " subscribers_subscription, subscribers_subscriber"
        )
        cursor.execute("ANALYZE subscribers_event")
    return live


def explain(name, parameters):
    """The tables that the statement reads from end to end, and how many pages it touches."""
    with connection.cursor() as cursor:
        query = sql.load("sequences", name)
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", parameters)
        (((plan,),),) = cursor.fetchall()
        scanned = re.findall(r"'Seq Scan'.*?'Relation Name': '(\w+)'", str(plan))
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND reltuples > 100", [scanned]
        )
        whole = [table for (table,) in cursor.fetchall()]
    return whole, plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]


def test_the_engine_reads_by_index_however_many_people_are_inside(crowd):
    due = [*crowd.enrollments.order_by("pk")[9_980:10_020]]
    crowd.enrollments.filter(pk__in=[run.pk for run in due]).update(due_at=clock.now())
    wanted = ("id", "sequence_id", "subscriber_id", "run", "entered_step_at")
    columns = {name: [getattr(run, name) for run in due] for name in wanted}
    wake = {"step_key": [crowd.steps.first().key] * len(due), "now": clock.db_now()}

    had = {"step_keys": wake["step_key"], "started_at": columns["entered_step_at"]}
    had["sequence_id"] = crowd.pk
    moved = {name: [""] * len(due) for name in ("position", "awaits")}
    moved |= {"version_id": crowd.live_version_id, "now": wake["now"]}

    order = {
        "place": [*range(len(due))],
        "since": [run.entered_step_at for run in due],
        "kind": ["custom"] * len(due),
        "name": ["order"] * len(due),
        "step_key": [""] * len(due),
    }
    opened = {**order, "kind": ["message.opened"] * len(due), "name": [""] * len(due)}
    statements = [
        ("claim", {"limit": 1000, "now": clock.db_now()}, 12),
        ("facts", columns, 10),
        ("wake", {**columns, **wake}, 60),  # writes each run, and its entry in each index
        ("rouse", {"ids": columns["id"], "now": clock.db_now()}, 60),
        # The log's share is 3 to 6 on a fresh database; it may hold pages of rows rolled back.
        ("happened", {**columns, **order}, 20),
        ("happened", {**columns, **opened}, 20),
        ("barred", {**columns, "list_id": [crowd.list_id] * len(due), "pepper": pepper()}, 20),
        ("had", {**columns, **had}, 20),
        ("credited", {**columns, "started_at": columns["entered_step_at"]}, 20),
        ("transfer", {**columns, **moved}, 60),
    ]
    for name, parameters, pages_per_run in statements:
        whole, pages = explain(name, parameters)
        assert whole == [], name
        assert pages <= pages_per_run * len(due), name
