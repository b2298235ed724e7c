"""Start runs because a date of somebody comes: a birthday at nine, five days before a renewal.

A trigger is looked at from where the last look ended, so nothing is passed over, whatever was down
meanwhile. The run remembers which date it is for: the same one starts no second run, even if its
person has moved to another time zone since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

from django.db import transaction

from emailseq.lib import clock, localtime, sql
from sequences import schedule
from sequences.models import Trigger
from sequences.schedule import UntilDate
from sequences.services.enroll import Ask, start
from sequences.states import OPEN, SequenceState, TriggerKind
from subscribers.segments.comparisons import FIRST_DAY, LAST_DAY

PAGE = 1000
_DAY = timedelta(days=1)


class Coming(NamedTuple):
    """Somebody whose date may come."""

    subscriber_id: int
    zone: str
    value: str


def start_by_dates() -> int:
    """Enroll those whose date has come since the last look; how many runs began."""
    now = clock.db_now()
    dates = Trigger.objects.filter(kind=TriggerKind.DATE)
    # Whoever publishes a draft does not mean the dates of before.
    dates.filter(sequence__state=SequenceState.DRAFT).update(looked_until=now)
    open_ones = dates.filter(sequence__state__in=OPEN).order_by("pk")
    return sum(_look(pk, now) for pk in open_ones.values_list("pk", flat=True))


def _look(trigger_id: int, now: datetime) -> int:
    """One trigger up to `now`, page by page: a page and its runs commit together."""
    started, reached = 0, 0
    while True:
        with transaction.atomic():
            locked = Trigger.objects.select_for_update(of=("self",), skip_locked=True)
            trigger = locked.select_related("sequence__workspace").filter(pk=trigger_id).first()
            if trigger is None:
                return started  # it is gone, or somebody else is at it
            since = trigger.looked_until or now  # a new one is of what comes from now on
            page = _page(trigger, since, now, reached)
            started += len(start(_asks(trigger, page, since, now)))
            if len(page) < PAGE:
                Trigger.objects.filter(pk=trigger_id).update(looked_until=max(since, now))
                return started
        reached = page[-1].subscriber_id


def _page(trigger: Trigger, since: datetime, now: datetime, reached: int) -> list[Coming]:
    """Who lives where the time of the trigger has come, and has a date near that day."""
    wait, workspace = _wait(trigger), trigger.sequence.workspace
    own = localtime.zone_or(workspace.time_zone, ZoneInfo("UTC"))[0]
    places = [
        (name, text)
        for name, zone in _zones(own)
        for text in _texts(wait, _days(wait, zone, since, now))
    ]
    if not places:
        return []
    parameters = {
        **sql.columns(("zone", "day"), places),
        "workspace_id": workspace.pk,
        "known": sorted(clock.zones()),
        "field": wait.field,
        "place": _first_letter(wait),
        "reached": reached,
        "limit": PAGE,
    }
    return [Coming._make(row) for row in sql.fetch("sequences", "dates", parameters)]


def _asks(
    trigger: Trigger, page: Iterable[Coming], since: datetime, now: datetime
) -> Iterator[Ask]:
    """The people of a page whose date has come indeed, but for those it has started already."""
    wait, own = _wait(trigger), ZoneInfo(trigger.sequence.workspace.time_zone)
    due: dict[int, dict[str, str]] = {}
    for person, zone_name, value in page:
        zone = localtime.zone_or(zone_name, own)[0]
        day = schedule.falls_due(wait, value, zone=zone, after=since, until=now)
        if day:
            due[person] = {"field": wait.field, "value": value, "date": day.isoformat()}
    known = trigger.sequence.enrollments.filter(subscriber__in=due).exclude(entry=None)
    for person, entry in known.values_list("subscriber", "entry"):
        if entry == due.get(person):
            del due[person]
    return (Ask(trigger.sequence_id, person, entry=entry) for person, entry in due.items())


def _zones(own: ZoneInfo) -> Iterator[tuple[str, ZoneInfo]]:
    """All time zones by name; '' is for whoever has none, or a bad one: the workspace's."""
    yield "", own
    yield from _named_zones()


@cache  # a zone that nobody keeps is read from its file each time
def _named_zones() -> list[tuple[str, ZoneInfo]]:
    return [(name, ZoneInfo(name)) for name in sorted(clock.zones())]


def _days(wait: UntilDate, zone: ZoneInfo, since: datetime, now: datetime) -> list[date]:
    """The days for which the time of the trigger has come in a zone."""
    first = since.astimezone(zone).date() - _DAY
    days = (first + number * _DAY for number in range((now - since).days + 4))
    return [day - wait.offset for day in days if since < localtime.at(day, wait.time, zone) <= now]


def _texts(wait: UntilDate, days: Iterable[date]) -> set[str]:
    """How the dates begin that may mean these days: an instant may be of the day next to it."""
    near = {day + step * _DAY for day in days for step in (-1, 0, 1)}
    texts = {
        day.isoformat()[_first_letter(wait) - 1 :] for day in near if FIRST_DAY <= day <= LAST_DAY
    }
    return texts | ({"02-29"} if wait.yearly and "02-28" in texts else set())


def _first_letter(wait: UntilDate) -> int:
    """From which letter on dates are compared: yearly, without the year."""
    return 6 if wait.yearly else 1


def _wait(trigger: Trigger) -> UntilDate:
    return cast("UntilDate", schedule.parse(trigger.settings))
