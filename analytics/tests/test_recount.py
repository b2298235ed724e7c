from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import transaction

from accounts.tests.factories import WorkspaceFactory
from analytics import services
from analytics.models import Rollup, Total
from analytics.recount import Drift, drift, rebuild
from analytics.tests.factories import NOON, catch_up, in_a_session_of_its_own, make_event, make_key
from delivery.models import SendLedger
from subscribers import events, feed

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def make_ledger_row(workspace, *, outcome, **columns):
    """What the ledger holds of a message of `make_event`."""
    return SendLedger.objects.create(
        **{
            "id": SendLedger.objects.count() + 1,
            "workspace": workspace,
            "kind": "campaign",
            "source_id": 7,
            "subscriber_id": 1,
            "template_version_id": 1,
            "sender_id": 1,
            "queued_at": NOON,
            "finished_at": NOON,
            "outcome": outcome,
            **columns,
        }
    )


def test_books_that_agree_have_no_drift():
    workspace = WorkspaceFactory()
    make_ledger_row(workspace, outcome="sent", opened_at=NOON, clicked_at=NOON)
    make_ledger_row(workspace, outcome="skipped")
    first = {"verdict": "human", "properties": {"first": True}}
    events.record_many(
        [
            make_event(workspace, "message.sent"),
            make_event(workspace, "message.skipped"),
            make_event(workspace, "message.opened", **first),
            make_event(workspace, "message.clicked", **first),
            make_event(workspace, "message.clicked", verdict="human"),
            make_event(workspace, "message.opened", verdict="machine"),
        ]
    )

    catch_up()

    assert drift() == []
    assert rebuild() == 0
    assert Rollup.objects.count() == 5


def test_what_the_consumer_has_not_read_yet_is_no_drift():
    workspace = WorkspaceFactory()
    make_ledger_row(workspace, outcome="sent")
    events.record_many([make_event(workspace, "message.sent")])
    catch_up()

    make_ledger_row(workspace, outcome="sent")
    events.record_many([make_event(workspace, "message.sent")])

    assert drift() == []
    assert rebuild() == 0
    assert Rollup.objects.get().count == 1


def test_each_planted_drift_is_found_and_repaired():
    workspace = WorkspaceFactory()
    events.record_many(
        [
            make_event(workspace, kind, properties={"first": kind != "message.deferred"})
            for kind in ("message.deferred", "message.in_doubt", "message.unsubscribed")
            for _ in range(3)
        ]
    )
    catch_up()
    right = list(Rollup.objects.order_by("kind").values_list("kind", "count", "first_count"))
    Rollup.objects.filter(kind="message.deferred").update(count=7)
    Rollup.objects.filter(kind="message.in_doubt").update(first_count=2)
    Rollup.objects.filter(kind="message.unsubscribed").delete()
    services.add({make_key(workspace, "enrollment.step"): Total(4, 1)})

    found = drift()
    repaired = rebuild()

    assert found == [
        Drift("rollups", make_key(workspace, "enrollment.step"), Total(0, 0), Total(4, 1)),
        Drift("rollups", make_key(workspace, "message.deferred"), Total(3, 0), Total(7, 0)),
        Drift("rollups", make_key(workspace, "message.in_doubt"), Total(3, 3), Total(3, 2)),
        Drift("rollups", make_key(workspace, "message.unsubscribed"), Total(3, 3), Total(0, 0)),
    ]
    assert str(found[1]) == (
        "message.deferred of campaign 7 at 2026-11-24 12h: 7 (0 first) in rollups, not 3 (0 first)."
    )
    assert repaired == 4
    assert drift() == []
    assert right == list(
        Rollup.objects.order_by("kind").values_list("kind", "count", "first_count")
    )


def test_counting_goes_on_where_a_rebuild_found_it():
    workspace = WorkspaceFactory()
    events.record_many([make_event(workspace, "message.deferred") for _ in range(4)])
    catch_up()
    Rollup.objects.update(count=99)
    events.record_many([make_event(workspace, "message.deferred") for _ in range(2)])

    rebuild()
    catch_up()

    assert Rollup.objects.get().count == 6


def test_nothing_is_counted_while_a_rebuild_runs():
    workspace = WorkspaceFactory()
    events.record_many([make_event(workspace, "message.deferred")])
    catch_up()
    events.record_many([make_event(workspace, "message.deferred")])
    Rollup.objects.update(count=99)

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        assert rebuild() == 1
        counted = pool.submit(in_a_session_of_its_own(feed.run), "rollups").result(timeout=10)
    catch_up()

    assert counted == 0
    assert Rollup.objects.get().count == 2


def test_what_the_log_lacks_or_made_up_is_drift_that_no_rebuild_hides():
    workspace = WorkspaceFactory()
    later = NOON + timedelta(hours=2)
    make_ledger_row(workspace, outcome="sent", opened_at=later)
    events.record_many(
        [
            make_event(workspace, "message.sent", at=later),
            make_event(workspace, "message.opened", at=later, verdict="human"),
        ]
    )
    catch_up()

    expected = [
        Drift(
            "log",
            make_key(workspace, "message.opened", verdict="human", hour=later),
            Total(1),
            Total(0),
        ),
        Drift("log", make_key(workspace, "message.sent"), Total(1), Total(0)),
        Drift("log", make_key(workspace, "message.sent", hour=later), Total(0), Total(1)),
    ]
    assert drift() == expected
    assert rebuild() == 0
    assert drift() == expected
