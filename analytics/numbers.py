"""The numbers that people see: the same in the back office, the API and the demo.

Each function costs one query over rollups, however many events there were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models.functions import TruncDate

from accounts.models import Workspace
from analytics.models import Rollup, Total, Totals
from delivery import kinds
from delivery.states import Verdict
from emailseq.lib import clock


@dataclass(frozen=True)
class Numbers:
    """What became of messages.

    `opened` and `clicked` are messages, each counted once and for humans only; `machine_*` are
    hits of proxies and scanners. Opens are always estimates.
    """

    sent: int = 0
    skipped: int = 0
    failed: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    machine_opened: int = 0
    machine_clicked: int = 0


def numbers(kind: str, source_id: int) -> Numbers:
    """Of one campaign or sequence, a `delivery.states.SourceKind` and its id."""
    return _numbers(Rollup.objects.of_source(kind, source_id).totals())


def numbers_by_step(kind: str, source_id: int) -> dict[str, Numbers]:
    """Of one source by step key; a step of which nothing has happened is absent."""
    totals = Rollup.objects.of_source(kind, source_id).totals_by("step_key")
    return {step_key: _numbers(of_step) for step_key, of_step in totals.items()}


def numbers_by_source(kind: str, source_ids: Iterable[int]) -> dict[int, Numbers]:
    """Of several sources, for the pages that list them; every id is present."""
    ids = list(source_ids)
    totals = Rollup.objects.of_source(kind, *ids).totals_by("source_id")
    return {source_id: _numbers(totals.get(source_id, {})) for source_id in ids}


def numbers_by_day(workspace: Workspace, *, days: int) -> dict[date, Numbers]:
    """Of a whole workspace for the last `days` days of its own time zone, today last."""
    zone = ZoneInfo(workspace.time_zone)
    today = clock.now().astimezone(zone).date()
    window = [today - timedelta(days=ago) for ago in reversed(range(days))]
    rollups = Rollup.objects.of(workspace).filter(
        hour__gte=datetime.combine(window[0], time(), zone)
    )
    totals = rollups.totals_by(TruncDate("hour", tzinfo=zone))
    return {day: _numbers(totals.get(day, {})) for day in window}


def _numbers(totals: Totals) -> Numbers:
    none = Total()
    human_opens = totals.get((kinds.MESSAGE_OPENED, Verdict.HUMAN), none)
    human_clicks = totals.get((kinds.MESSAGE_CLICKED, Verdict.HUMAN), none)
    return Numbers(
        sent=totals.get((kinds.MESSAGE_SENT, ""), none).count,
        skipped=totals.get((kinds.MESSAGE_SKIPPED, ""), none).count,
        failed=totals.get((kinds.MESSAGE_FAILED, ""), none).count,
        opened=human_opens.first_count,
        clicked=human_clicks.first_count,
        unsubscribed=totals.get((kinds.MESSAGE_UNSUBSCRIBED, ""), none).count,
        machine_opened=totals.get((kinds.MESSAGE_OPENED, Verdict.MACHINE), none).count,
        machine_clicked=totals.get((kinds.MESSAGE_CLICKED, Verdict.MACHINE), none).count,
    )
