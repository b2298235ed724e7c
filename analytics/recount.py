"""Proof that numbers are counts of rows: the ledger, the event log and the rollups agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection, transaction

from analytics import services
from analytics.kinds import COUNTED
from analytics.models import Rollup, RollupKey, Total
from emailseq.lib import sql
from subscribers.models import Cursor


@dataclass(frozen=True)
class Drift:
    """A count on which two books differ: `expected` by the one it derives from, `found` in `book`.

    Rollups derive from the log up to their cursor; the log's outcomes, first opens and first
    clicks from the ledger.
    """

    book: Literal["rollups", "log"]
    key: RollupKey
    expected: Total
    found: Total

    def __str__(self) -> str:
        key = self.key
        what = f"{key.kind} {key.verdict}".strip()
        source = f"{key.source_kind} {key.source_id} {key.step_key}".strip()
        there = f"{self.found} in {self.book}, not {self.expected}"
        return f"{what} of {source} at {key.hour:%Y-%m-%d %H}h: {there}."


@transaction.atomic
def drift() -> list[Drift]:
    """Every count on which the books differ; empty is what is promised. Reads the whole log."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    rollups = sql.fetch("analytics", "rollup_drift", {"kinds": list(COUNTED)})
    log = sql.fetch("analytics", "ledger_drift")
    return [_drift("rollups", row) for row in rollups] + [_drift("log", row) for row in log]


@transaction.atomic
def rebuild() -> int:
    """Make the rollups agree with the log up to their cursor; how many were wrong.

    Consumers wait meanwhile. What the log itself lacks cannot be repaired from here.
    """
    Cursor.objects.select_for_update().get_or_create(name="rollups")
    wrong = [found for found in drift() if found.book == "rollups"]
    services.add({one.key: one.expected - one.found for one in wrong})
    Rollup.objects.filter(count=0, first_count=0).delete()
    return len(wrong)


def _drift(book: Literal["rollups", "log"], row: tuple[Any, ...]) -> Drift:
    return Drift(book, RollupKey(*row[:9]), Total(*row[9:12]), Total(*row[12:]))
