from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from accounts.models import Workspace
from emailseq.lib import clock, ids
from subscribers import events, feed, tasks
from subscribers.events import NewEvent
from subscribers.models import Cursor, Event, Tag
from subscribers.tests.factories import SubscriberFactory, WorkspaceFactory

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def reader(monkeypatch):
    """A consumer of a kind of its own that notes what reaches it, and fails at `poison`."""
    return Reader(f"reader-{ids.new().hex}"[:40], monkeypatch)


class Reader:
    def __init__(self, name, monkeypatch):
        self.name = self.kind = name
        self.batches = []
        self.poison = set()
        self.error = ValueError("cannot handle this")
        monkeypatch.setitem(feed.consumers, name, feed.Consumer(name, (self.kind,), self._handle))

    def run(self, **options):
        return feed.run(self.name, **options)

    def _handle(self, batch):
        self.batches.append([event.properties["n"] for event in batch])
        for event in batch:
            Tag.objects.create(
                workspace_id=event.workspace_id, name="seen", slug=str(event.properties["n"])
            )
            if event.properties["n"] in self.poison:
                raise self.error

    @property
    def effects(self):
        return [int(tag.slug) for tag in Tag.objects.order_by("id")]

    @property
    def cursor(self):
        return Cursor.objects.get(name=self.name)


@contextmanager
def another_connection():
    with closing(connection.get_new_connection(connection.get_connection_params())) as other:
        yield other


def record(workspace, kind, *numbers):
    events.record_many(new_events(workspace, kind, *numbers))


def new_events(workspace, kind, *numbers):
    return [
        NewEvent(workspace.pk, None, kind, clock.now(), properties={"n": number})
        for number in numbers
    ]


def test_each_event_has_its_effect_once_and_in_order(workspace, reader):
    record(workspace, reader.kind, 1, 2)
    record(workspace, "of no interest", 99)
    record(workspace, reader.kind, 3)

    assert reader.run() == 3
    assert reader.run() == 0
    assert reader.batches == [[1, 2, 3]]
    assert reader.effects == [1, 2, 3]

    record(workspace, reader.kind, 4)
    assert reader.run() == 1
    assert reader.effects == [1, 2, 3, 4]


def test_the_ticks_feed_a_consumer_and_keep_partitions_ahead(workspace, reader):
    record(workspace, reader.kind, 1)

    assert tasks.feed_consumer(reader.name) == 1
    assert tasks.make_event_partitions() == 0  # the migration made them
    with clock.frozen(datetime(2031, 1, 1, tzinfo=UTC)), transaction.atomic():
        assert tasks.make_event_partitions() == 4
        transaction.set_rollback(True)


def test_an_event_arrives_as_it_was_recorded(workspace, monkeypatch):
    person = SubscriberFactory(workspace=workspace)
    seen = []
    monkeypatch.setitem(feed.consumers, "all", feed.Consumer("all", ("whole",), seen.extend))
    fact = NewEvent(
        workspace.pk, person.pk, "whole", NOON, "sequence", 7, "welcome", "b", 12, "human",
        {"list_id": 3, "reason": "naïve “text”"}, "order_placed", True,
    )  # fmt: skip

    assert events.record_many([fact]) == 1
    assert events.record_many([]) == 0
    assert feed.run("all") == 1

    [event] = seen
    stored = Event.objects.get(kind="whole", workspace=workspace)
    assert event.id == stored.pk
    assert event.recorded_at == stored.recorded_at
    assert {name: getattr(event, name) for name in fact._fields} == fact._asdict()


def test_events_vanish_with_the_transaction_that_recorded_them(workspace, reader):
    with transaction.atomic():
        record(workspace, reader.kind, 1)
        transaction.set_rollback(True)

    assert reader.run() == 0
    assert reader.batches == []


def test_a_backlog_is_read_in_batches(workspace, reader, monkeypatch):
    monkeypatch.setattr(feed, "BATCH", 2)
    record(workspace, reader.kind, 1, 2, 3, 4, 5)

    assert reader.run(batches=1) == 2
    assert reader.run() == 3
    assert reader.batches == [[1, 2], [3, 4], [5]]


def test_who_started_first_and_committed_last_is_not_skipped(workspace, reader):
    with another_connection() as slow:
        slow.execute(events.STATEMENT, events.parameters(new_events(workspace, reader.kind, 1)))
        record(workspace, reader.kind, 2)

        assert reader.run() == 0  # 2 lies behind a transaction that still runs

        slow.commit()
    assert reader.run() == 2
    assert reader.batches == [[1, 2]]


def test_an_open_transaction_does_not_hold_back_what_came_before_it(workspace, reader):
    record(workspace, reader.kind, 1)
    with another_connection() as slow:
        slow.execute(events.STATEMENT, events.parameters(new_events(workspace, "other", 9)))
        record(workspace, reader.kind, 2)

        assert reader.run() == 1
        assert reader.effects == [1]

        slow.rollback()
    assert reader.run() == 1
    assert reader.effects == [1, 2]


def test_two_feeders_at_once_do_the_work_of_one(workspace, reader, monkeypatch):
    record(workspace, reader.kind, 1)
    inside, go_on = threading.Event(), threading.Event()

    def handle(batch):
        inside.set()
        assert go_on.wait(10)
        reader._handle(batch)

    monkeypatch.setitem(
        feed.consumers, reader.name, feed.Consumer(reader.name, (reader.kind,), handle)
    )
    first = threading.Thread(target=_in_a_thread, args=(reader.run,))
    first.start()
    assert inside.wait(10)

    assert reader.run() == 0

    go_on.set()
    first.join(10)
    assert reader.effects == [1]
    assert reader.run() == 0
    assert reader.effects == [1]


def test_a_poison_event_stands_alone_and_names_itself(workspace, reader):
    record(workspace, reader.kind, *range(1, 11))
    poison = Event.objects.get(kind=reader.kind, workspace=workspace, properties={"n": 6})
    reader.poison = {6}

    with clock.frozen(NOON):
        assert reader.run() == 5

    assert reader.effects == [1, 2, 3, 4, 5]
    cursor = reader.cursor
    assert (cursor.parked_event_id, cursor.parked_at) == (poison.pk, NOON)
    assert "ValueError: cannot handle this" in cursor.parked_reason
    assert "test_feed.py" in cursor.parked_reason
    assert reader.batches[0] == list(range(1, 11))
    assert reader.batches[-1] == [6]
    assert len(reader.batches) <= 2 * 4 + 1


def test_while_parked_nothing_is_tried_and_then_only_the_one(workspace, reader):
    record(workspace, reader.kind, 1, 2, 3)
    reader.poison = {2}
    with clock.frozen(NOON):
        reader.run()
    reader.batches.clear()

    with clock.frozen(NOON + timedelta(seconds=29)):
        assert reader.run() == 0
    assert reader.batches == []

    with clock.frozen(NOON + timedelta(seconds=30)):
        assert reader.run() == 0
    assert reader.batches == [[2]]
    assert reader.cursor.parked_at == NOON + timedelta(seconds=30)
    assert reader.effects == [1]


def test_when_it_works_again_the_rest_follows(workspace, reader):
    record(workspace, reader.kind, 1, 2, 3)
    reader.poison = {2}
    with clock.frozen(NOON):
        reader.run()
    reader.poison = set()

    with clock.frozen(NOON + timedelta(seconds=30)):
        assert reader.run() == 1
        assert reader.run() == 1

    cursor = reader.cursor
    assert (cursor.parked_event_id, cursor.parked_at, cursor.parked_reason) == (None, None, "")
    assert reader.effects == [1, 2, 3]


def test_a_failure_that_passes_costs_nothing(workspace, reader, monkeypatch):
    record(workspace, reader.kind, 1, 2, 3)
    failures = iter([ValueError("only once")])

    def handle(batch):
        reader._handle(batch)
        if error := next(failures, None):
            raise error

    monkeypatch.setitem(
        feed.consumers, reader.name, feed.Consumer(reader.name, (reader.kind,), handle)
    )

    assert reader.run() == 3
    assert reader.effects == [1, 2, 3]
    assert reader.cursor.parked_at is None


def test_an_error_of_the_database_blames_the_event_and_undoes_its_effects(workspace, reader):
    record(workspace, reader.kind, 1, 2)
    Tag.objects.create(workspace=workspace, name="taken", slug="2")

    assert reader.run() == 1

    assert IntegrityError.__name__ in reader.cursor.parked_reason
    assert sorted(reader.effects) == [1, 2]
    assert Tag.objects.filter(name="seen").count() == 1


def test_a_constraint_that_is_checked_late_blames_its_event_all_the_same(workspace, reader):
    record(workspace, reader.kind, 1)
    record(Workspace(pk=2**40), reader.kind, 2)

    assert reader.run() == 1

    assert "is not present in table" in reader.cursor.parked_reason
    assert reader.effects == [1]


@pytest.mark.parametrize("error", [OperationalError("deadlock detected"), InterfaceError("closed")])
def test_what_is_no_events_fault_undoes_the_batch_and_parks_nothing(workspace, reader, error):
    record(workspace, reader.kind, 1, 2)
    reader.poison, reader.error = {2}, error

    with pytest.raises(type(error)):
        reader.run()

    assert reader.effects == []
    assert (reader.cursor.xid, reader.cursor.parked_at) == (0, None)

    reader.poison = set()
    assert reader.run() == 2
    assert reader.effects == [1, 2]


def test_the_log_is_read_along_its_index(workspace, reader):
    record(workspace, reader.kind, 1)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            "EXPLAIN " + feed.sql.load("subscribers", "read_events"),
            {"xid": 1, "event_id": 1, "kinds": [reader.kind], "limit": 10},
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Merge Append" in plan
    assert "Index Scan using subscribers_event_default_xid_id_idx" in plan
    assert "Sort  (" not in plan


def _in_a_thread(work):
    try:
        work()
    finally:
        connection.close()


def test_what_was_skipped_has_no_effect_and_what_comes_then_has(workspace, reader):
    with another_connection() as slow:
        record(workspace, reader.kind, 1)
        slow.execute(events.STATEMENT, events.parameters(new_events(workspace, "other", 9)))
        record(workspace, reader.kind, 2)  # lies behind a transaction that still runs
        feed.skip(reader.name)
        record(workspace, reader.kind, 3)
        slow.commit()

    reader.run()

    assert reader.effects == [3]


def test_no_consumer_takes_the_place_of_another():
    taken, handler = next(iter(feed.consumers.items()))

    with pytest.raises(ValueError, match=taken):
        feed.consumer(taken)(lambda events: None)
    assert feed.consumers[taken] is handler
