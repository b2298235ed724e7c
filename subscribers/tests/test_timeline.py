from __future__ import annotations

import pytest
from django.db import connection

from emailseq.lib import clock
from subscribers import events
from subscribers.events import NewEvent
from subscribers.models import Event
from subscribers.tests.factories import SubscriberFactory

pytestmark = pytest.mark.django_db


def record(person, *kinds):
    events.record_many(
        NewEvent(person.workspace_id, person.pk, kind, clock.now()) for kind in kinds
    )


def test_a_timeline_is_one_persons_newest_first():
    ada, bob = SubscriberFactory(), SubscriberFactory()
    record(ada, "one", "two")
    record(bob, "other")
    record(ada, "three")

    assert [event.kind for event in Event.objects.timeline(ada)] == ["three", "two", "one"]
    assert [event.kind for event in Event.objects.timeline(bob)] == ["other"]


def test_pages_follow_each_other_without_gap_or_overlap():
    ada = SubscriberFactory()
    record(ada, *"abcde")

    first = list(Event.objects.timeline(ada, limit=2))
    second = list(Event.objects.timeline(ada, before_id=first[-1].pk, limit=2))
    last = list(Event.objects.timeline(ada, before_id=second[-1].pk, limit=2))

    assert ["".join(event.kind for event in page) for page in (first, second, last)] == [
        "ed", "cb", "a",
    ]  # fmt: skip
    assert list(Event.objects.timeline(ada, before_id=last[-1].pk)) == []


def test_a_timeline_reads_its_index_and_never_the_whole_log():
    ada = SubscriberFactory()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO subscribers_event (workspace_id, subscriber_id, kind, occurred_at,"
            " source_kind, source_id, step_key, variant, verdict, properties) "
            "SELECT %s, -n %% 2000, 'filler', now(), '', 0, '', '', '', '{}'"
            "  FROM generate_series(1, 20000) AS n",
            [ada.workspace_id],
        )
        cursor.execute("ANALYZE subscribers_event")

    plan = Event.objects.timeline(ada, before_id=10**9).explain()

    partition = f"subscribers_event_{clock.now():%Y_%m}"
    assert f"{partition}_subscriber_id_id_idx" in plan
    assert f"Seq Scan on {partition}" not in plan
