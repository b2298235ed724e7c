"""The numbers that people see: the same in the back office, the API and the demo.

Each function costs one query over rollups, however many events there were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from accounts.models import Workspace
from analytics.kinds import CONVERSION_REACHED
from analytics.models import Rollup
from delivery import kinds
from delivery.states import Verdict
from emailseq.lib import clock


@dataclass(frozen=True)
class Numbers:
    """What became of messages.

    `opened` and `clicked` are messages, each counted once and for humans only, `opens` and `clicks`
    how often those did; `machine_*` are hits of proxies and scanners. Opens are always estimates.
    `converted` are messages that led to a conversion, `conversions` how many they led to, and
    `revenue` what these came to, in hundredths.
    """

    sent: int = 0
    skipped: int = 0
    failed: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    machine_opened: int = 0
    machine_clicked: int = 0
    opens: int = 0
    clicks: int = 0
    bounced: int = 0
    complained: int = 0
    converted: int = 0
    conversions: int = 0
    revenue: int = 0


def numbers(kind: str, source_id: int) -> Numbers:
    """Of one campaign or sequence, a `delivery.states.SourceKind` and its id."""
    return numbers_by_source(kind, [source_id])[source_id]


def numbers_by_step(kind: str, source_id: int) -> dict[str, Numbers]:
    """Of one source by step key; a step of which nothing has happened is absent."""
    rollups = Rollup.objects.filter(source_kind=kind, source_id=source_id)
    return _numbers_by("step_key", rollups)


def numbers_by_variant(kind: str, source_id: int) -> dict[str, Numbers]:
    """Of one source by variant; one of which nothing has happened is absent."""
    rollups = Rollup.objects.filter(source_kind=kind, source_id=source_id)
    return _numbers_by("variant", rollups)


def numbers_by_source(kind: str, source_ids: Iterable[int]) -> dict[int, Numbers]:
    """Of several sources, for the pages that list them; every id is present."""
    ids = list(source_ids)
    found = _numbers_by("source_id", Rollup.objects.filter(source_kind=kind, source_id__in=ids))
    return {source_id: found.get(source_id, Numbers()) for source_id in ids}


def numbers_by_day(workspace: Workspace, *, days: int) -> dict[date, Numbers]:
    """Of a whole workspace for the last `days` days of its own time zone, today last."""
    zone = ZoneInfo(workspace.time_zone)
    today = clock.now().astimezone(zone).date()
    window = [today - timedelta(days=ago) for ago in reversed(range(days))]
    since = datetime.combine(window[0], time(), zone)
    rollups = Rollup.objects.of(workspace).filter(hour__gte=since)
    found = _numbers_by(TruncDate("hour", tzinfo=zone), rollups)
    return {day: found.get(day, Numbers()) for day in window}


def _numbers_by(group: str | TruncDate, rollups: QuerySet[Rollup]) -> dict[Any, Numbers]:
    """The numbers for each value of a column or expression."""
    by = F(group) if isinstance(group, str) else group
    rows = rollups.values_list(by).annotate(**SUMS).order_by()
    return {value: Numbers(*sums) for value, *sums in rows}


def _sum(kind: str, verdict: str = "", *, of: str = "count") -> Sum:
    return Sum(of, filter=Q(kind=kind, verdict=verdict), default=0)


def _any(kind: str, *, of: str = "count") -> Sum:
    """Whatever the verdict is."""
    return Sum(of, filter=Q(kind=kind), default=0)


# In the order of the fields of Numbers.
SUMS = {
    "sent": _sum(kinds.MESSAGE_SENT),
    "skipped": _sum(kinds.MESSAGE_SKIPPED),
    "failed": _any(kinds.MESSAGE_FAILED),
    "opened": _sum(kinds.MESSAGE_OPENED, Verdict.HUMAN, of="first_count"),
    "clicked": _sum(kinds.MESSAGE_CLICKED, Verdict.HUMAN, of="first_count"),
    "unsubscribed": _sum(kinds.MESSAGE_UNSUBSCRIBED),
    "machine_opened": _sum(kinds.MESSAGE_OPENED, Verdict.MACHINE),
    "machine_clicked": _sum(kinds.MESSAGE_CLICKED, Verdict.MACHINE),
    "opens": _sum(kinds.MESSAGE_OPENED, Verdict.HUMAN),
    "clicks": _sum(kinds.MESSAGE_CLICKED, Verdict.HUMAN),
    "bounced": _any(kinds.MESSAGE_BOUNCED),
    "complained": _any(kinds.MESSAGE_COMPLAINED),
    "converted": _any(CONVERSION_REACHED, of="first_count"),
    "conversions": _any(CONVERSION_REACHED),
    "revenue": _any(CONVERSION_REACHED, of="amount"),
}
