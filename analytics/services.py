"""The one way into the rollups: counts are added, by the consumer and by whoever repairs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple

from analytics.models import RollupKey, Total
from delivery.states import SourceKind
from emailseq.lib import sql
from subscribers.models import Event


def count(events: Sequence[Event]) -> None:
    """Add each event to the rollup of its source, version, kind and hour (in UTC)."""
    versions = _versions(events)
    keys = [_key(event, versions) for event in events]
    counts, firsts, amounts = Counter(keys), Counter[RollupKey](), Counter[RollupKey]()
    for key, event in zip(keys, events, strict=True):
        firsts[key] += event.properties.get("first") is True
        amounts[key] += event.properties.get("amount", 0)
    add({key: Total(number, firsts[key], amounts[key]) for key, number in counts.items()})


def add(totals: Mapping[RollupKey, Total]) -> None:
    """Add to the rollups, negative numbers too, in one statement and in the order of the keys."""
    rows = [(*key, *astuple(totals[key])) for key in sorted(totals)]
    if rows:
        names = (*RollupKey._fields, "count", "first_count", "amount")
        sql.run("analytics", "add_rollups", sql.columns(names, rows))


def _versions(events: Iterable[Event]) -> dict[int, int]:
    """Of which version of a sequence the messages are that the events are about, by their ids."""
    ids = sorted(
        {
            event.message_id
            for event in events
            if event.source_kind == SourceKind.SEQUENCE and event.message_id is not None
        }
    )
    return dict(sql.fetch("analytics", "versions", {"ids": ids})) if ids else {}


def _key(event: Event, versions: Mapping[int, int]) -> RollupKey:
    version_id = versions.get(event.message_id or 0, event.properties.get("version_id", 0))
    return RollupKey(
        event.workspace_id,
        event.source_kind,
        event.source_id,
        event.step_key,
        event.variant,
        event.kind,
        event.verdict,
        event.occurred_at.replace(minute=0, second=0, microsecond=0),
        version_id,
    )
