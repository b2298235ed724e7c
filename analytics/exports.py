"""The events themselves, by the time in which they were recorded, as the lines of a CSV file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Workspace
from analytics import tables
from emailseq.lib import ids, sql
from emailseq.lib.errors import Invalid
from subscribers.models import Event, Subscriber
from subscribers.models.event import public_id

LONGEST = timedelta(days=92)
AT_ONCE = 2000
COLUMNS = (
    *("id", "recorded_at", "occurred_at", "kind", "name", "subscriber", "source_kind"),
    *("source", "step", "variant", "verdict", "properties"),
)


def raw_events(workspace: Workspace, *, since: datetime, until: datetime) -> Iterator[str]:
    """The file of the events that were recorded from `since` on and before `until`.

    Memory holds some thousands of them, and no transaction stays open. Raises Invalid for a time
    that ends before it begins, or is longer than LONGEST.
    """
    if until <= since:
        raise Invalid.field("until", "before_since", "It must come after “since”.")
    if until - since > LONGEST:
        raise Invalid.field("until", "too_long", f"Ask for {LONGEST.days} days at most.")
    return tables.csv_of(_rows(workspace, since, until))


def _rows(workspace: Workspace, since: datetime, until: datetime) -> Iterator[tuple[Any, ...]]:
    yield COLUMNS
    place = {"workspace": workspace.pk, "since": since, "until": until, "limit": AT_ONCE}
    after, full = 0, True
    while full:
        page = sql.fetch("analytics", "raw_events", {**place, "after": after})
        yield from (_shown(*row) for row in page)
        full = len(page) == AT_ONCE
        after = page[-1][0] if page else after


def _shown(
    pk: int,
    recorded_at: datetime,
    occurred_at: datetime,
    kind: str,
    name: str,
    uid: Any,
    *rest: Any,
) -> tuple[Any, ...]:
    source_kind, source, step, variant, verdict, properties = rest
    read = json.loads(properties) if isinstance(properties, str) else properties
    shown = Event(kind=kind, properties=read).shown
    return (
        public_id(pk, recorded_at),
        recorded_at.isoformat(),
        occurred_at.isoformat(),
        kind,
        name,
        ids.encode(Subscriber.prefix, uid) if uid else "",
        source_kind,
        source or "",
        step,
        variant,
        verdict,
        json.dumps(shown, ensure_ascii=False),
    )
