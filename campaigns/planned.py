"""The campaigns that are going to be sent, and who gets several of them on one day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from django.db.models import Q

from accounts.models import Workspace
from campaigns import audience
from campaigns.models import Campaign, Recurrence
from campaigns.rhythm import Rhythm, next_after
from campaigns.states import CampaignState
from emailseq.lib import clock, localtime

PAIRS = 20  # of campaigns of one day that are compared, at most


@dataclass(frozen=True)
class Planned:
    """One campaign to come: when it begins, and how many would get it as of now."""

    campaign: Campaign
    at: datetime
    people: int
    repeats: bool = False


def planned(workspace: Workspace, *, days: int) -> list[Planned]:
    """What is scheduled for the next days, and every copy of what is repeated, in order."""
    now = clock.now()
    until = now + timedelta(days=days)
    scheduled = Q(state=CampaignState.SCHEDULED, scheduled_at__lt=until)
    rows = Campaign.objects.of(workspace).filter(scheduled | Q(recurrence__next_at__lt=until))
    found = [
        Planned(row, at, people, repeats=repeats)
        for row in rows.select_related("workspace", "list", "recurrence")
        for people in [audience.count(row).recipients]
        for at, repeats in _times(row, until)
    ]
    return sorted(found, key=lambda each: each.at)


def overlaps(of_day: Sequence[Planned]) -> Iterator[tuple[Planned, Planned, int]]:
    """The pairs of campaigns of which somebody would get both as of now, and how many would."""
    for one, other in list(combinations(of_day, 2))[:PAIRS]:
        both = audience.places(other.campaign).values("subscriber")
        count = audience.places(one.campaign).filter(subscriber__in=both).count()
        if count:
            yield one, other, count


def _times(campaign: Campaign, until: datetime) -> Iterator[tuple[datetime, bool]]:
    """When it is sent, and whether by a copy."""
    at = campaign.scheduled_at
    if campaign.state == CampaignState.SCHEDULED and at and at < until:
        yield at, False
    row: Recurrence | None = getattr(campaign, "recurrence", None)
    if row is None:
        return
    zone, _ = localtime.zone_or(campaign.workspace.time_zone, localtime.UTC_ZONE)
    at = row.next_at
    while at < until:
        yield at, True
        at = next_after(Rhythm(row.every, row.on, row.at), at, zone)
