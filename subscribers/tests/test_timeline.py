from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.backoffice import sign_in
from emailseq.lib import clock
from subscribers import events, services
from subscribers.admin import timeline
from subscribers.facts import CustomEvent
from subscribers.models import Engagement
from subscribers.tests.factories import SubscriberFactory

pytestmark = pytest.mark.django_db


def test_what_was_told_is_named_and_none_of_it_taken_for_ours():
    ada = SubscriberFactory()
    hostile = {"list_id": "abc", "fields": 7, "changed": "x", "tag": {}, "reason": []}
    told = CustomEvent("seat_added", uid=ada.uid, properties=hostile)
    services.record_event(ada.workspace, told, by=SYSTEM)

    [(_, [entry])] = timeline.read(ada, show="events").days

    assert entry.sentence == "“seat_added” was told of them"


def test_a_timeline_reads_its_index_and_never_the_whole_log():
    ada = SubscriberFactory()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO subscribers_event (xid, workspace_id, subscriber_id, kind, occurred_at,"
            " source_kind, source_id, step_key, variant, verdict, properties) "
            "SELECT n, %s, -n %% 2000, 'filler', now(), '', 0, '', '', '', '{}'"
            "  FROM generate_series(1, 20000) AS n",
            [ada.workspace_id],
        )
        cursor.execute("ANALYZE subscribers_event")
        with CaptureQueriesContext(connection) as queries:
            timeline.read(ada, before=10**9)
        (query,) = (each["sql"] for each in queries if "subscribers_event" in each["sql"])
        cursor.execute(f"EXPLAIN {query}")
        plan = str(cursor.fetchall())

    partition = f"subscribers_event_{clock.now():%Y_%m}"
    assert f"{partition}_subscriber_id_id_idx" in plan
    assert f"Seq Scan on {partition}" not in plan


def test_whatever_kept_a_message_back_is_told_in_words():
    ada = SubscriberFactory()
    reasons = {
        "message.skipped": "suppressed: hard_bounce",
        "message.held": "frequency cap",
        "enrollment.exited": "not subscribed",
        "message.failed": "550 nobody here",
    }
    for kind, reason in reasons.items():
        events.record(ada, kind, reason=reason)
    events.record(ada, "message.sent")

    [(_, entries)] = timeline.read(ada, show="not_sent").days

    assert [entry.sentence for entry in entries] == [
        "“a message” failed: 550 nobody here",
        "Left a sequence early: they are not confirmed on its list",
        "“a message” waits: they have had as many messages as they may, or want",
        "Not sent “a message”: nothing is sent to this address (Hard bounce)",
    ]


def test_engagement_is_listed_and_told_to_programs():
    client = sign_in()
    keen, quiet = (SubscriberFactory(workspace=client.workspace) for _ in range(2))
    Engagement.objects.create(subscriber=keen, points=6, as_of=clock.now())

    listed = client.get(reverse("admin:subscribers_subscriber_changelist")).content.decode()
    answer = Api(client.workspace)("GET", "/subscribers").json()["data"]

    assert "Engagement" in listed
    assert {row["id"]: row["engagement"] for row in answer} == {
        keen.public_id: 54,
        quiet.public_id: 0,
    }
