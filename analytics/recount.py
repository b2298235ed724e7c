"""Proof that numbers are counts of rows: the ledger, the event log and the rollups agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection, transaction

from analytics import services
from analytics.kinds import COUNTED
from analytics.models import LinkKey, LinkRollup, Rollup, RollupKey, Total
from emailseq.lib import sql
from subscribers.models import Cursor


@dataclass(frozen=True)
class Drift:
    """A count on which two books differ: `expected` by the one it derives from, `found` in `book`.

    Rollups and links derive from the log up to their cursors; the log's outcomes, first opens and
    first clicks from the ledger.
    """

    book: Literal["rollups", "log", "links"]
    key: RollupKey | LinkKey
    expected: Total
    found: Total

    def __str__(self) -> str:
        key = self.key
        source = f"{key.source_kind} {key.source_id} {key.step_key}".strip()
        there = f"{self.found} in {self.book}, not {self.expected}"
        if isinstance(key, LinkKey):
            return f"link {key.link} {key.verdict} of {source}: {there}."
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
    return [
        *(_drift("rollups", row) for row in rollups),
        *(_drift("log", row) for row in log),
        *(Drift("links", LinkKey(*row[:8]), Total(*row[8:10]), Total(*row[10:])) for row in links),
    ]


@transaction.atomic
def rebuild() -> int:
    """Make rollups and links agree with the log up to their cursors; how many were wrong.

    Consumers wait meanwhile. What the log itself lacks cannot be repaired from here.
    """
    for name in ("links", "rollups"):
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
    return len(wrong)


def _set_link(key: LinkKey, total: Total) -> None:
    if not total.count:
        LinkRollup.objects.filter(**key._asdict()).delete()
        return
    counts = {"count": total.count, "first_count": total.first_count}
    LinkRollup.objects.update_or_create(**key._asdict(), defaults=counts)


def _drift(book: Literal["rollups", "log"], row: tuple[Any, ...]) -> Drift:
    return Drift(book, RollupKey(*row[:9]), Total(*row[9:12]), Total(*row[12:]))
