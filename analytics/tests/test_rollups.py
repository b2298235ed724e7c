from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from accounts.tests.factories import WorkspaceFactory
from analytics import services
from analytics.models import Rollup, RollupKey
from analytics.tests.factories import (
    NOON,
    catch_up,
    feed_until,
    in_a_session_of_its_own,
    make_event,
    make_key,
)
from subscribers import events, feed
from subscribers.models import Cursor

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def rollups() -> dict[RollupKey, tuple[int, int]]:
    names = (*RollupKey._fields, "count", "first_count")
    return {RollupKey(*row[:9]): row[9:] for row in Rollup.objects.values_list(*names)}


def test_events_are_counted_by_everything_that_tells_them_apart():
    here, there = WorkspaceFactory(), WorkspaceFactory()
    step = {"source": ("sequence", 7), "step_key": "s1", "variant": "b"}
    events.record_many(
        [
            make_event(here, "message.sent"),
            make_event(here, "message.sent", at=NOON + timedelta(minutes=59, seconds=59)),
            make_event(here, "message.sent", at=NOON + timedelta(hours=1)),
            make_event(there, "message.sent"),
            make_event(here, "message.sent", source=("campaign", 8)),
            make_event(here, "message.opened", verdict="human", **step),
            make_event(here, "message.opened", verdict="machine", **step),
            make_event(here, "subscription.confirmed", source=("", 0)),
        ]
    )

    catch_up()

    assert rollups() == {
        make_key(here, "message.sent"): (2, 0),
        make_key(here, "message.sent", hour=NOON + timedelta(hours=1)): (1, 0),
        make_key(there, "message.sent"): (1, 0),
        make_key(here, "message.sent", source=("campaign", 8)): (1, 0),
        make_key(here, "message.opened", verdict="human", **step): (1, 0),
        make_key(here, "message.opened", verdict="machine", **step): (1, 0),
        make_key(here, "subscription.confirmed", source=("", 0)): (1, 0),
    }


def test_only_the_first_open_of_a_message_is_a_first():
    workspace = WorkspaceFactory()
    opened = [
        make_event(workspace, "message.opened", message_id=1, properties={"first": True}),
        make_event(workspace, "message.opened", message_id=1),
        make_event(workspace, "message.opened", message_id=1, properties={"first": False}),
        make_event(workspace, "message.opened", message_id=2, properties={"first": True}),
    ]

    events.record_many(opened[:2])
    catch_up()
    events.record_many(opened[2:])
    catch_up()

    assert rollups() == {make_key(workspace, "message.opened"): (4, 2)}


def test_events_that_are_no_numbers_are_not_counted():
    workspace = WorkspaceFactory()
    events.record_many(
        [make_event(workspace, kind) for kind in ("subscriber.created", "campaign.started")]
    )

    catch_up()

    assert rollups() == {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_neither_order_nor_batches_change_a_number(monkeypatch, seed):
    monkeypatch.setattr(feed, "BATCH", 7)
    shuffle = random.Random(seed)
    workspace = WorkspaceFactory()
    facts = [
        make_event(
            workspace,
            kind,
            at=NOON + timedelta(hours=hour),
            step_key=step_key,
            properties={"first": first},
        )
        for kind in ("message.sent", "message.clicked")
        for hour in range(3)
        for step_key in ("s1", "s2")
        for first in (True, False)
        for _ in range(5)
    ]
    shuffle.shuffle(facts)

    while facts:
        size = shuffle.randint(1, 20)
        events.record_many(facts[:size])
        del facts[:size]
        feed.run("rollups", batches=1)
    catch_up()

    assert rollups() == {
        make_key(workspace, kind, hour=NOON + timedelta(hours=hour), step_key=step_key): (10, 5)
        for kind in ("message.sent", "message.clicked")
        for hour in range(3)
        for step_key in ("s1", "s2")
    }


def test_a_poison_event_costs_its_neighbours_nothing():
    workspace = WorkspaceFactory()
    too_long = ("a source kind that no rollup can hold", 1)
    events.record_many([make_event(workspace, "message.sent") for _ in range(5)])
    events.record_many([make_event(workspace, "message.sent", source=too_long)])
    events.record_many([make_event(workspace, "message.sent") for _ in range(3)])

    feed_until(Cursor.objects.exclude(parked_at=None).exists)
    parked = Cursor.objects.get(name="rollups")
    before = rollups()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM subscribers_event WHERE id = %s", [parked.parked_event_id])
    Cursor.objects.update(parked_at=None)
    catch_up()

    assert before == {make_key(workspace, "message.sent"): (5, 0)}
    assert "DataError" in parked.parked_reason
    assert rollups() == {make_key(workspace, "message.sent"): (8, 0)}


def test_two_workers_at_once_count_each_event_once():
    workspace = WorkspaceFactory()
    for _ in range(10):
        events.record_many([make_event(workspace, "message.sent") for _ in range(300)])
    together = Barrier(2)

    @in_a_session_of_its_own
    def work(_):
        together.wait(timeout=10)
        return sum(feed.run("rollups") for _ in range(5))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    catch_up()

    assert rollups() == {make_key(workspace, "message.sent"): (3000, 0)}


def test_a_batch_is_one_statement_in_the_order_of_the_keys(django_assert_num_queries):
    workspace = WorkspaceFactory()
    totals = Counter(make_key(workspace, f"k{n}", hour=NOON) for n in reversed(range(50)))

    with django_assert_num_queries(1):
        services.add({key: services.Total(number) for key, number in totals.items()})

    by_id = Rollup.objects.order_by("id").values_list("kind", flat=True)
    assert list(by_id) == sorted(f"k{n}" for n in range(50))
