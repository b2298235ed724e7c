"""Hits: requests for pixels and links, written down at once and judged later, in batches."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction

from delivery import kinds, tracking
from delivery.models import Hit
from delivery.states import HitKind, Verdict
from emailseq.lib import clock, sql
from subscribers import events
from subscribers.events import NewEvent

_KINDS = {HitKind.OPEN.value: kinds.MESSAGE_OPENED, HitKind.CLICK.value: kinds.MESSAGE_CLICKED}


class Judged(NamedTuple):
    """A hit with its message, as `drain_hits.sql` returns it."""

    message_id: int
    kind: str
    link: int
    at: datetime
    user_agent: str
    workspace_id: int
    subscriber_id: int
    source_kind: str
    source_id: int
    step_key: str
    variant: str
    finished_at: datetime

    @property
    def by_machine(self) -> bool:
        delay = (self.at - self.finished_at).total_seconds()
        return tracking.is_machine(self.user_agent, seconds_after_delivery=delay)


def record(*, message_id: int, kind: str, link: int, user_agent: str, address: str) -> None:
    """Write a hit down without waiting for the disk; the network is kept, not the address."""
    parameters: dict[str, str | int | datetime] = {
        "message_id": message_id,
        "kind": kind,
        "link": link,
        "at": clock.now(),
        "user_agent": user_agent.replace("\0", "")[:300],
        "network": _network(address),
    }
    sql.run("delivery", "record_hit", parameters)


@transaction.atomic
def drain(limit: int = 2000) -> int:
    """Turn hits into events with a verdict; the first human one of a message is marked `first`."""
    taken = [Judged._make(row) for row in sql.fetch("delivery", "drain_hits", {"limit": limit})]
    firsts = {kind: _note_firsts(kind, taken) for kind in _KINDS}
    return events.record_many(_events(taken, firsts))


def forget(*, older_than: timedelta = timedelta(days=2)) -> int:
    """Drop hits whose message nobody knows any more; how many there were."""
    return Hit.objects.filter(at__lt=clock.now() - older_than).delete()[0]


def _note_firsts(kind: str, taken: Iterable[Judged]) -> set[int]:
    """Note the first human hit of each message in the ledger; the messages that had none before."""
    human: dict[int, datetime] = {}
    for hit in taken:
        if hit.kind == kind and not hit.by_machine:
            human.setdefault(hit.message_id, hit.at)
    query = "first_open" if kind == HitKind.OPEN else "first_click"
    noted = sql.fetch(
        "delivery", query, {"ids": sorted(human), "ats": [human[key] for key in sorted(human)]}
    )
    return {message_id for (message_id,) in noted}


def _events(taken: Iterable[Judged], firsts: dict[str, set[int]]) -> Iterable[NewEvent]:
    for hit in taken:
        first = not hit.by_machine and hit.message_id in firsts[hit.kind]
        if first:
            firsts[hit.kind].discard(hit.message_id)
        properties: dict[str, Any] = {"first": True} if first else {}
        if hit.kind == HitKind.CLICK:
            properties["link"] = hit.link
        yield NewEvent(
            hit.workspace_id,
            hit.subscriber_id,
            _KINDS[hit.kind],
            hit.at,
            hit.source_kind,
            hit.source_id,
            hit.step_key,
            hit.variant,
            hit.message_id,
            Verdict.MACHINE if hit.by_machine else Verdict.HUMAN,
            properties,
        )


def _network(address: str) -> str:
    """The address without the part that points at a person: a /24 or a /48."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    length = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, length), strict=False))
