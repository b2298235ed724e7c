"""Hits: requests for pixels and links, written down at once and judged later, in batches."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import transaction

from delivery import clients, kinds, verdicts
from delivery.models import Hit
from delivery.verdicts import Judgement
from emailseq.lib import clock, sql
from subscribers import events
from subscribers.events import NewEvent

# Before it is judged, a hit waits for those that a gateway makes together with it.
SETTLED = timedelta(seconds=5)
BATCH, BATCHES = 5000, 10


class Taken(NamedTuple):
    """A hit with its message, as `drain_hits.sql` returns it."""

    message_id: int
    workspace_id: int
    subscriber_id: int
    source_kind: str
    source_id: int
    step_key: str
    variant: str
    is_click: bool
    link: int
    links: int
    at: str
    finished_at: str
    seconds: float
    user_agent: str
    network: str


Judged = tuple[Taken, Judgement]


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


def drain() -> int:
    """Judge what has come in; how many hits became events."""
    drained = 0
    for _ in range(BATCHES):
        count = _drain_batch()
        drained += count
        if count < BATCH:
            break
    return drained


def forget(*, older_than: timedelta = timedelta(days=2)) -> int:
    """Drop hits whose message nobody knows any more; how many there were."""
    return Hit.objects.filter(at__lt=clock.now() - older_than).delete()[0]


@transaction.atomic
def _drain_batch() -> int:
    """Turn hits into events with a verdict; the first human one of a message is marked `first`."""
    place = {"limit": BATCH, "settled": clock.now() - SETTLED}
    judged = list(_judged(map(Taken._make, sql.fetch("delivery", "drain_hits", place))))
    opened = _note_firsts("first_open", judged, is_click=False)
    clicked = _note_firsts("first_click", judged, is_click=True)
    return events.record_many(_events(judged, opened, clicked))


def _judged(taken: Iterable[Taken]) -> Iterator[Judged]:
    """The hits with their verdicts: those on one message are looked at together."""
    for _, group in groupby(taken, attrgetter("message_id")):
        hits = list(group)
        yield from zip(hits, verdicts.judge(hits), strict=True)


def _note_firsts(query: str, judged: Sequence[Judged], *, is_click: bool) -> set[int]:
    """Note the first human hit of each message in the ledger; the messages that had none before."""
    human: dict[int, Taken] = {}
    for hit, judgement in judged:
        if hit.is_click is is_click and judgement.verdict == verdicts.HUMAN:
            human.setdefault(hit.message_id, hit)
    if not human:
        return set()
    rows = [(hit.message_id, hit.finished_at, hit.at) for hit in human.values()]
    arrays = sql.packed(sql.columns(("ids", "finished", "ats"), rows))
    return {message_id for (message_id,) in sql.fetch("delivery", query, arrays)}


def _events(judged: Iterable[Judged], opened: set[int], clicked: set[int]) -> Iterator[NewEvent]:
    for hit, (verdict, because) in judged:
        firsts = clicked if hit.is_click else opened
        properties: dict[str, Any] = {"because": because} if because else {}
        if verdict == verdicts.HUMAN:
            properties |= clients.reading(hit.user_agent)._asdict()
            if hit.message_id in firsts:
                firsts.discard(hit.message_id)
                properties["first"] = True
        if hit.is_click:
            properties["link"] = hit.link
        yield NewEvent(
            hit.workspace_id,
            hit.subscriber_id,
            kinds.MESSAGE_CLICKED if hit.is_click else kinds.MESSAGE_OPENED,
            hit.at,
            hit.source_kind,
            hit.source_id,
            hit.step_key,
            hit.variant,
            hit.message_id,
            verdict,
            properties,
        )


@lru_cache(maxsize=10_000)
def _network(address: str) -> str:
    """The address without the part that points at a person: a /24 or a /48."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    length = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, length), strict=False))
