"""Insights that act: when people read, what subjects have in common, and who is about to go cold.

Each says how sure it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Sum

from accounts.models import Workspace
from analytics import besthour
from analytics.besthour import HOURS, BestHour
from analytics.models import Habits, Rollup, Share
from analytics.numbers import SUMS, Numbers
from analytics.patterns import Pattern, Sent, patterns
from analytics.states import Breadth
from delivery.models import SendLedger
from delivery.states import SourceKind
from emailseq.lib import clock, sql
from subscribers.kinds import SUBSCRIBER_ERASED
from subscribers.models import Event, Subscriber
from templates_app.models import TemplateVersion

RARE = 0.05  # a chance below that is taken for a sign
YEAR = timedelta(days=366)
FEWEST_SENT, MOST_CAMPAIGNS = 50, 500
NOBODY = (0,) * HOURS


class GoingCold(NamedTuple):
    """Somebody who used to read: seen on so many `days`, last at `last_at`. The `chance` is how
    likely one who still reads would have been silent for so long."""

    uid: UUID
    last_at: datetime
    days: int
    silent_days: int
    chance: float


def count(events: Sequence[Event]) -> None:
    """Note when the people did what these events tell, and forget whoever was erased."""
    moments = [event.recorded_at for event in events]
    place = {"ids": [e.pk for e in events], "since": min(moments), "until": max(moments)}
    sql.run("analytics", "add_habits", place)
    erased = [event.subscriber_id for event in events if event.kind == SUBSCRIBER_ERASED]
    Habits.objects.filter(pk__in=erased).delete()


def best_hours(workspace: Workspace, people: Collection[int]) -> dict[int, BestHour]:
    """When people read, by their ids; whoever nobody can say it of is absent. Three queries."""
    zones = dict(
        Subscriber.objects.of(workspace).filter(pk__in=people).values_list("pk", "time_zone")
    )
    own: dict[int, Any] = dict(Habits.objects.filter(pk__in=people).values_list("pk", "hours"))
    others = _habits(workspace)
    found = {
        pk: besthour.best_hour(own.get(pk, NOBODY), others.get(zone, NOBODY))
        for pk, zone in zones.items()
    }
    return {pk: best for pk, best in found.items() if best}


def habits(workspace: Workspace) -> list[tuple[str, BestHour]]:
    """When the people of each time zone read, where enough of that was seen."""
    found = [
        (zone, besthour.best_hour(hours, NOBODY))
        for zone, hours in sorted(_habits(workspace).items())
        if sum(hours) >= besthour.ENOUGH
    ]
    return [(zone, best) for zone, best in found if best]


def _habits(workspace: Workspace) -> dict[str, list[int]]:
    rows = Share.objects.of(workspace).filter(source_kind="", source_id=0, by=Breadth.HOUR)
    hours: dict[str, list[int]] = {}
    for zone, hour, times in rows.values_list("value", "detail").annotate(Sum("count")).order_by():
        hours.setdefault(zone, [0] * HOURS)[int(hour)] += times
    return hours


def going_cold(workspace: Workspace, *, limit: int = 200) -> list[GoingCold]:
    """Who used to open or click and does not any more, though they were written to."""
    place = {"workspace": workspace.pk, "now": clock.now(), "chance": RARE, "limit": limit}
    return [GoingCold(*row) for row in sql.fetch("analytics", "going_cold", place)]


def subjects(workspace: Workspace) -> list[Pattern]:
    """What the subjects of a year's campaigns have in common that were clicked more, or less."""
    since = clock.now() - YEAR
    rollups = Rollup.objects.of(workspace).filter(source_kind=SourceKind.CAMPAIGN, hour__gt=since)
    sums = rollups.values_list("source_id").annotate(**SUMS).order_by("-source_id")
    numbers = {pk: Numbers(*rest) for pk, *rest in sums[:MOST_CAMPAIGNS]}
    rates = {pk: n.clicked / n.sent for pk, n in numbers.items() if n.sent >= FEWEST_SENT}
    versions = {pk: version for pk in rates if (version := _version_of(pk))}
    of_these = TemplateVersion.objects.filter(pk__in=versions.values())
    written = dict(of_these.values_list("pk", "subject"))
    return patterns(Sent(written.get(version, ""), rates[pk]) for pk, version in versions.items())


def _version_of(campaign_id: int) -> int | None:
    """What a campaign sent last."""
    sent = SendLedger.objects.filter(kind=SourceKind.CAMPAIGN, source_id=campaign_id)
    found: int | None = sent.order_by("-id").values_list("template_version_id", flat=True).first()
    return found


def engagement(workspace: Workspace) -> dict[str, int]:
    """How many people opened or clicked within 30 days, within 90, before that, and never."""
    now = clock.now()
    own = Habits.objects.of(workspace)
    active = own.filter(last_at__gt=now - timedelta(days=30)).count()
    fading = own.filter(last_at__gt=now - timedelta(days=90)).count() - active
    cold = own.count() - active - fading
    everybody = Subscriber.objects.of(workspace).filter(archived_at=None).count()
    never = max(0, everybody - active - fading - cold)
    return {"active": active, "fading": fading, "cold": cold, "never": never}
