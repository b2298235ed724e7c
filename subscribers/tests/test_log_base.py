"""A dump that is restored into another cluster, where transaction ids begin anew."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from subscribers import events, feed
from subscribers.events import NewEvent
from subscribers.models import Cursor, Event, LogBase

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
AHEAD = 10**12  # transaction ids of the cluster that the log came from


@pytest.fixture
def seen(monkeypatch):
    seen = []

    def note(batch):
        seen.extend(event.properties["n"] for event in batch)

    monkeypatch.setitem(feed.consumers, "base", feed.Consumer("base", ("base",), note))
    return seen


def record(workspace, *numbers):
    events.record_many(
        NewEvent(workspace.pk, None, "base", clock.now(), properties={"n": number})
        for number in numbers
    )


def move_to_another_cluster():
    """As pg_restore leaves it: the rows of the old cluster, in one that has its own ids."""
    Event.objects.update(xid=connection_xid() + AHEAD)
    Cursor.objects.update(xid=AHEAD)
    LogBase.objects.update(system_identifier=42, base=0)


def connection_xid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return cursor.fetchone()[0]


def test_what_was_unread_and_what_is_new_are_read_once_in_order(seen):
    workspace = WorkspaceFactory()
    record(workspace, 1)
    feed.run("base")
    record(workspace, 2)
    Event.objects.filter(properties__n=1).delete()
    move_to_another_cluster()

    assert feed.run("base") == 0  # nothing is read by a measure that is wrong
    record(workspace, 3)
    feed.run("base")
    record(workspace, 4)
    feed.run("base")

    assert seen == [1, 2, 3, 4]
    xids = list(Event.objects.order_by("id").values_list("xid", flat=True))
    assert xids == sorted(xids)
    assert LogBase.objects.get().base > AHEAD


def test_two_first_events_at_once_agree_on_the_base(seen):
    workspace = WorkspaceFactory()
    record(workspace, 1)
    move_to_another_cluster()

    def second():
        record(workspace, 3)
        connection.close()

    with transaction.atomic():
        record(workspace, 2)
        other = threading.Thread(target=second)
        other.start()
        other.join(0.3)
        assert other.is_alive()  # it waits for the row that decides
    other.join()
    base = LogBase.objects.get().base
    feed.run("base")

    assert sorted(seen) == [1, 2, 3]
    assert min(Event.objects.filter(properties__n__gt=1).values_list("xid", flat=True)) > base


def test_an_empty_table_is_a_new_installation(seen):
    LogBase.objects.all().delete()

    record(WorkspaceFactory(), 1)
    feed.run("base")

    assert seen == [1]
    assert LogBase.objects.get().base == 0
