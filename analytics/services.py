"""The one way into the rollups: counts are added, by the consumer and by whoever repairs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from analytics.models import RollupKey, Total
from emailseq.lib import sql
from subscribers.models import Event


def count(events: Sequence[Event]) -> None:
    """Add each event to the rollup of its source, kind and hour (in UTC)."""
    counts = Counter(map(_key, events))
    firsts = Counter(_key(event) for event in events if event.properties.get("first") is True)
    add({key: Total(number, firsts[key]) for key, number in counts.items()})


def add(totals: Mapping[RollupKey, Total]) -> None:
    """Add to the rollups, negative numbers too, in one statement and in the order of the keys."""
    rows = [(*key, totals[key].count, totals[key].first_count) for key in sorted(totals)]
    if rows:
        names = (*RollupKey._fields, "count", "first_count")
        sql.run("analytics", "add_rollups", sql.columns(names, rows))


def _key(event: Event) -> RollupKey:
    return RollupKey(
        event.workspace_id,
        event.source_kind,
        event.source_id,
        event.step_key,
        event.variant,
        event.kind,
        event.verdict,
        event.occurred_at.replace(minute=0, second=0, microsecond=0),
    )
