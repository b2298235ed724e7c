from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import connection

from analytics.models import RollupKey
from subscribers import feed
from subscribers.events import NewEvent
from subscribers.models import Cursor, Event

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def make_event(workspace, kind, *, at=NOON, source=("campaign", 7), **columns) -> NewEvent:
    """A fact about a campaign, for `record_many`."""
    source_kind, source_id = source
    return NewEvent(
        workspace_id=workspace.pk,
        subscriber_id=None,
        kind=kind,
        occurred_at=at,
        source_kind=source_kind,
        source_id=source_id,
        **columns,
    )


def make_key(workspace, kind, *, hour=NOON, source=("campaign", 7), **columns) -> RollupKey:
    """The key of the rollup that counts `make_event` of the same arguments."""
    source_kind, source_id = source
    columns = {"step_key": "", "variant": "", "verdict": "", **columns}
    return RollupKey(
        workspace_id=workspace.pk,
        source_kind=source_kind,
        source_id=source_id,
        kind=kind,
        hour=hour,
        **columns,
    )


def catch_up(name: str = "rollups") -> None:
    """Let a consumer read all events that are committed now."""
    newest = Event.objects.order_by("-xid").values_list("xid", flat=True).first() or 0
    feed_until(Cursor.objects.filter(name=name, xid__gte=newest).exists, name)


def feed_until(is_done: Callable[[], bool], name: str = "rollups") -> None:
    """Run a consumer until something is true.

    A transaction that writes in any database of the cluster holds the log back, so it may take
    more than one turn.
    """
    until = time.monotonic() + 20
    while not is_done():
        assert time.monotonic() < until, "the consumer does not come there"
        if not feed.run(name):
            time.sleep(0.01)


def in_a_session_of_its_own(work):
    """Wrap a function for a thread, which must close the connection that it opens."""

    def run(*args):
        try:
            return work(*args)
        finally:
            connection.close()

    return run
