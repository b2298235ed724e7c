"""Proof that numbers are counts of rows: the ledger, the event log and the rollups agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection, transaction

from analytics import services, shares
from analytics.kinds import COUNTED
from analytics.models import LinkKey, LinkRollup, Rollup, RollupKey, Share, ShareKey, Total
from emailseq.lib import sql
from subscribers.models import Cursor


@dataclass(frozen=True)
class Drift:
    """A count on which two books differ: `expected` by the one it derives from, `found` in `book`.

    Rollups, links and some of the shares derive from the log up to their cursors; the log's
    outcomes, first opens and first clicks from the ledger.
    """

    book: Literal["rollups", "log", "links", "shares"]
    key: RollupKey | LinkKey | ShareKey
    expected: Total
    found: Total

    def __str__(self) -> str:
        key = self.key
        step = "" if isinstance(key, ShareKey) else key.step_key
        source = f"{key.source_kind} {key.source_id} {step}".strip()
        there = f"{self.found} in {self.book}, not {self.expected}"
        if isinstance(key, LinkKey):
            return f"link {key.link} {key.verdict} of {source}: {there}."
        if isinstance(key, ShareKey):
            what = f"{key.kind} by {key.by} {key.value} {key.verdict}".strip()
            return f"{what} {f'on {key.day}' if key.day else f'of {source}'}: {there}."
        what = f"{key.kind} {key.verdict}".strip()
        return f"{what} of {source} at {key.hour:%Y-%m-%d %H}h: {there}."


@transaction.atomic
def drift() -> list[Drift]:
    """Every count on which the books differ; empty is what is promised. Reads the whole log."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    rollups = sql.fetch("analytics", "rollup_drift", {"kinds": list(COUNTED)})
    log = sql.fetch("analytics", "ledger_drift")
    links = sql.fetch("analytics", "link_drift")
    finer = sql.fetch("analytics", "share_drift")
    return [
        *(_drift("rollups", row) for row in rollups),
        *(_drift("log", row) for row in log),
        *(Drift("links", LinkKey(*row[:8]), Total(*row[8:10]), Total(*row[10:])) for row in links),
        *(
            Drift("shares", ShareKey(*row[:9]), Total(*row[9:11]), Total(*row[11:]))
            for row in finer
        ),
    ]


@transaction.atomic
def rebuild() -> int:
    """Make rollups, links and shares agree with the log up to their cursors; how many were wrong.

    Consumers wait meanwhile. What the log itself lacks cannot be repaired from here.
    """
    for name in ("links", "rollups", "shares"):
        Cursor.objects.select_for_update().get_or_create(name=name)
    wrong = [found for found in drift() if found.book != "log"]
    keys = [(one.key, one) for one in wrong]
    services.add(
        {key: each.expected - each.found for key, each in keys if isinstance(key, RollupKey)}
    )
    Rollup.objects.filter(count=0, first_count=0).delete()
    for key, each in keys:
        if isinstance(key, LinkKey):
            _set_link(key, each.expected)
    shares.add({key: each.expected - each.found for key, each in keys if isinstance(key, ShareKey)})
    Share.objects.filter(count=0, first_count=0).delete()
    return len(wrong)


def _set_link(key: LinkKey, total: Total) -> None:
    if not total.count:
        LinkRollup.objects.filter(**key._asdict()).delete()
        return
    counts = {"count": total.count, "first_count": total.first_count}
    LinkRollup.objects.update_or_create(**key._asdict(), defaults=counts)


def _drift(book: Literal["rollups", "log"], row: tuple[Any, ...]) -> Drift:
    return Drift(book, RollupKey(*row[:9]), Total(*row[9:12]), Total(*row[12:]))
