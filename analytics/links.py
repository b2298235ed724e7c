"""Which links of a message are followed, and why people leave by it: a source's finer numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, Sum

from analytics.models import LinkRollup, Rollup
from delivery import kinds
from delivery.states import LeavingReason, Verdict
from emailseq.lib import sql
from subscribers.models import Event


@dataclass(frozen=True)
class Link:
    """A link of a message, the `position`-th of its HTML, from 0 on.

    `clicked` are the people who followed it, `clicks` how often they did; `machine_clicks` are
    those of gateways.
    """

    step: str
    variant: str
    template_version: int
    position: int
    url: str
    clicked: int
    clicks: int
    machine_clicks: int
    version_id: int


def count(events: Sequence[Event]) -> None:
    """Add clicks to the rollups of their links."""
    sql.run("analytics", "add_links", {"ids": [event.id for event in events]})


def links(kind: str, source_id: int) -> list[Link]:
    """The links of one campaign or sequence that were followed, in the order of its messages."""
    rows = (
        LinkRollup.objects.filter(source_kind=kind, source_id=source_id)
        .values_list(
            *("step_key", "variant", "template_version__number", "template_version__links", "link"),
            "template_version",
        )
        .annotate(
            clicked=Sum("first_count"),
            clicks=Sum("count", filter=Q(verdict=Verdict.HUMAN), default=0),
            machine_clicks=Sum("count", filter=Q(verdict=Verdict.MACHINE), default=0),
        )
        .order_by("step_key", "variant", "template_version__number", "link")
    )
    return [
        Link(step, variant, version, position, urls[position], *(people, clicks, machines), pk)
        for step, variant, version, urls, position, pk, people, clicks, machines in rows
        if position < len(urls)  # behind the last one is what only machines find
    ]


def leaving_reasons(kind: str, source_id: int) -> dict[str, int]:
    """Why people left by its messages, as far as they have said so: every reason is present."""
    rows = (
        Rollup.objects.filter(
            source_kind=kind, source_id=source_id, kind=kinds.UNSUBSCRIBE_EXPLAINED
        )
        .values_list("verdict")
        .annotate(Sum("count"))
        .order_by()
    )
    return dict.fromkeys(LeavingReason.values, 0) | dict(rows)
