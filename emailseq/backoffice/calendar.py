"""The calendar: everything that is going to be sent, day by day."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.core.cache import cache
from django.http import HttpResponse
from django.utils.translation import gettext as _

from accounts.models import Workspace
from campaigns.planned import Planned, overlaps, planned
from emailseq.backoffice.pages import Request, allows, render_page, require
from emailseq.lib import clock, localtime
from sequences import outlook
from sequences.models import Enrollment, Sequence

DAYS = 30
SEQUENCES = 20  # of which the volume is forecast: those with the most people inside
REMEMBERED = 600  # seconds: a forecast simulates hundreds of people


@dataclass
class Day:
    """What leaves on one day; `overlaps` are sentences."""

    day: date
    campaigns: list[Planned] = field(default_factory=list)
    sequences: list[tuple[str, int]] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)

    @property
    def messages(self) -> int:
        """About so many, in all."""
        return sum(each.people for each in self.campaigns) + sum(n for _, n in self.sequences)


def index(request: Request) -> HttpResponse:
    """The next 30 days on the clock of the workspace."""
    require(request, "campaigns:read")
    days = _days(request.workspace, with_sequences=allows(request, "sequences:read"))
    return render_page(
        request,
        "backoffice/calendar.html",
        title=_("Calendar"),
        days=[day for day in days if day.messages],
        most=max((day.messages for day in days), default=0),
    )


def _days(workspace: Workspace, *, with_sequences: bool) -> list[Day]:
    zone, _known = localtime.zone_or(workspace.time_zone, localtime.UTC_ZONE)
    today = clock.now().astimezone(zone).date()
    days = {day: Day(day) for day in (today + timedelta(days=n) for n in range(DAYS))}
    for each in planned(workspace, days=DAYS):
        if day := days.get(each.at.astimezone(zone).date()):
            day.campaigns.append(each)
    forecasts = _forecasts(workspace) if with_sequences else {}
    for when, found in forecasts.items():
        if when in days:
            days[when].sequences = found
    for day in days.values():
        day.overlaps = [_sentence(*pair) for pair in overlaps(day.campaigns)]
    return list(days.values())


def _sentence(one: Planned, other: Planned, people: int) -> str:
    told = {"people": people, "one": one.campaign, "other": other.campaign}
    return _("%(people)d people get both “%(one)s” and “%(other)s”.") % told


def _forecasts(workspace: Workspace) -> dict[date, list[tuple[str, int]]]:
    """What each sequence sends by day, as of the last minutes."""
    key = f"calendar:{workspace.pk}"
    found: dict[date, list[tuple[str, int]]] | None = cache.get(key)
    if found is None:
        found = defaultdict(list)
        for sequence in _busiest(workspace):
            for day, count in outlook.forecast(sequence, days=DAYS).by_day.items():
                if count:
                    found[day].append((sequence.name, count))
        found = dict(found)
        cache.set(key, found, timeout=REMEMBERED)
    return found


def _busiest(workspace: Workspace) -> list[Sequence]:
    people = Counter(Enrollment.objects.of(workspace).inside_by_sequence())
    live = Sequence.objects.of(workspace).live().exclude(live_version=None)
    ids = [pk for pk, _count in people.most_common(SEQUENCES)]
    return list(live.filter(pk__in=ids).select_related("workspace", "list", "live_version"))
