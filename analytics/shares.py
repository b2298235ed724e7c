"""Finer numbers: by mailbox provider and why mail came back, by time to open, list and week of
entry. Written by one consumer, read in O(1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from analytics.models import ShareKey, Total
from analytics.states import Breadth
from delivery import kinds
from delivery.bounces import refusal, rules
from delivery.states import Verdict
from emailseq.lib import sql
from subscribers import kinds as subscribers
from subscribers.models import Event

OF_LISTS = (subscribers.SUBSCRIPTION_CONFIRMED, subscribers.SUBSCRIPTION_UNSUBSCRIBED)
ACTIVITY = (kinds.MESSAGE_OPENED, kinds.MESSAGE_CLICKED)
WITH_REASON = (kinds.MESSAGE_DEFERRED, kinds.MESSAGE_FAILED, kinds.MESSAGE_BOUNCED)
OF_PROVIDERS = (
    kinds.MESSAGE_SENT,
    *WITH_REASON,
    *ACTIVITY,
    kinds.MESSAGE_COMPLAINED,
    kinds.MESSAGE_UNSUBSCRIBED,
)
COUNTED = (*OF_PROVIDERS, *OF_LISTS, subscribers.SUBSCRIBER_CREATED)

# Somebody opened or clicked, for the first time in a week after their entry.
ACTIVE = "active"
WEEKS = 52
# The ends of the times that are told apart, in seconds; what took longer has none.
DELAYS = (300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)


class Finer(NamedTuple):
    """Of one event, as `finer.sql` tells it."""

    provider: str | None
    seconds: float | None
    entry: str | None
    weeks: int | None
    is_first_in_week: bool
    time_zone: str | None


def count(events: Sequence[Event]) -> None:
    """Add each event to the shares that it belongs to."""
    if not events:
        return
    moments = [event.recorded_at for event in events]
    place = {"ids": [e.pk for e in events], "since": min(moments), "until": max(moments)}
    known = {pk: Finer(*rest) for pk, *rest in sql.fetch("analytics", "finer", place)}
    counts, firsts = Counter[ShareKey](), Counter[ShareKey]()
    for event in events:
        for key in _keys(event, known[event.pk]):
            counts[key] += 1
            firsts[key] += event.properties.get("first") is True
    add({key: Total(counts[key], firsts[key]) for key in counts})


def add(totals: Mapping[ShareKey, Total]) -> None:
    """Add to the shares of these keys, which may be less than nothing."""
    names = (*ShareKey._fields, "count", "first_count")
    rows = [(*key, totals[key].count, totals[key].first_count) for key in sorted(totals, key=str)]
    if rows:
        sql.run("analytics", "add_shares", sql.columns(names, rows))


def _keys(event: Event, finer: Finer) -> Iterator[ShareKey]:
    if event.kind in OF_PROVIDERS and finer.provider is not None:
        detail = reason(event.kind, event.properties) if event.kind in WITH_REASON else ""
        yield from _both(event, Breadth.PROVIDER, finer.provider, detail)
    if event.kind == kinds.MESSAGE_OPENED and event.properties.get("first"):
        yield _of_source(event, Breadth.DELAY, _delay(finer.seconds or 0.0))
    if event.kind in OF_LISTS:
        yield _of_day(event, Breadth.LIST, str(event.list_id or 0))
    if event.kind in ACTIVITY and event.verdict == Verdict.HUMAN and finer.time_zone is not None:
        yield _of_zone(event, finer.time_zone)
    if event.kind in ACTIVITY and event.verdict == Verdict.HUMAN:
        for by in (Breadth.CLIENT, Breadth.DEVICE):
            if by in event.properties:  # nobody had an eye on it before
                yield _of_source(event, by, event.properties[by])
    if finer.entry and finer.weeks is not None and finer.weeks <= WEEKS:
        yield from _of_entry(event, finer.entry, str(max(0, finer.weeks)), finer.is_first_in_week)


def _both(event: Event, by: str, value: str, detail: str) -> Iterator[ShareKey]:
    yield _of_source(event, by, value, detail)
    yield _of_day(event, by, value, detail)


def _of_source(event: Event, by: str, value: str, detail: str = "") -> ShareKey:
    source = event.source_kind, event.source_id
    return ShareKey(event.workspace_id, *source, by, value, detail, event.kind, event.verdict, None)


def _of_day(event: Event, by: str, value: str, detail: str = "") -> ShareKey:
    kind, day = event.kind, event.occurred_at.date()
    return ShareKey(event.workspace_id, "", 0, by, value, detail, kind, event.verdict, day)


def _of_entry(event: Event, entry: str, weeks: str, is_first: bool) -> Iterator[ShareKey]:
    of_week = ShareKey(event.workspace_id, "", 0, Breadth.ENTRY, entry, weeks, event.kind, "", None)
    if event.kind in (subscribers.SUBSCRIBER_CREATED, kinds.MESSAGE_UNSUBSCRIBED):
        yield of_week
    elif event.verdict == Verdict.HUMAN and is_first:
        yield of_week._replace(kind=ACTIVE)


def _of_zone(event: Event, zone: str) -> ShareKey:
    hour, by = str(event.occurred_at.hour), Breadth.HOUR
    return ShareKey(event.workspace_id, "", 0, by, zone, hour, ACTIVE, "", None)


def _delay(seconds: float) -> str:
    return next((str(end) for end in DELAYS if seconds <= end), "")


def reason(kind: str, properties: Mapping[str, Any]) -> str:
    """Why a message was put off or came back, as a cause of `bounces.rules`; of what is not sent
    the reason as it stands."""
    said = str(properties.get("reason", ""))
    if kind == kinds.MESSAGE_FAILED:
        return said[:60]
    status = str(properties.get("status", ""))
    causes = [rules.judge(one) for one in refusal.refusals(said, status=status)]
    return next((cause.value for cause in causes if not cause.vague), causes[0].value)
