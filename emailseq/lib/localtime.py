"""The clocks people live by: local days, times and windows, as instants. Pure.

When clocks are put forward, a time that is skipped means the first instant after the gap; when they
are put back, a time that comes twice means the first of the two. A whole day may be skipped, too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")
EVERY_DAY = frozenset(range(1, 8))
SEARCH = 15 * DAY  # a weekly opening that a change of clocks swallows comes again in two weeks


class NeverOpen(ValueError):
    """Windows that are never open, or never at the same time."""


@dataclass(frozen=True)
class Window:
    """Open on `weekdays` (1 is Monday) from `opens` to `closes`, or past midnight to the next day.

    In the time zone of that name; '' is the subscriber's. `opens == closes` is all day and night.
    """

    opens: time
    closes: time
    weekdays: frozenset[int] = EVERY_DAY
    zone: str = ""

    def __post_init__(self) -> None:
        if not self.weekdays:
            raise NeverOpen("A send window needs a day on which it opens.")


def quiet_hours(begin: time, end: time, *, zone: str = "") -> Window:
    """The window that is open whenever it is not quiet."""
    if begin == end:
        raise NeverOpen("Quiet hours that never end leave no time to send.")
    return Window(opens=end, closes=begin, zone=zone)


def stored(window: Mapping[str, Any] | None, *, zone: str) -> tuple[Window, ...]:
    """The window that is stored as `{"opens": "09:00", "closes": "17:00", "weekdays": [1, 2]}`.

    None is no window. Its own zone is the subscriber's, unless it says “workspace”: that is `zone`.
    """
    if not window:
        return ()
    opens, closes = (time.fromisoformat(window[name]) for name in ("opens", "closes"))
    weekdays = frozenset(window.get("weekdays", EVERY_DAY))
    own = window.get("zone") == "workspace"
    return (Window(opens, closes, weekdays, zone if own else ""),)


def zone_or(name: str, fallback: ZoneInfo) -> tuple[ZoneInfo, bool]:
    """The zone of that name, and True; for a bad name the other, and False."""
    try:
        return ZoneInfo(name), True
    except (KeyError, ValueError, OSError):
        return fallback, False


def at(day: date, clock: time, zone: tzinfo) -> datetime:
    """The instant at which `clock` is shown on `day` (in UTC)."""
    shown = datetime.combine(day, clock, zone)
    instant = shown.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return instant
    return _end_of_gap(shown)


def days(since: datetime, zone: tzinfo, *, back: int = 0) -> Iterator[date]:
    """The local days from that of `since` on, or from `back` days earlier; without skipped ones."""
    day = since.astimezone(zone).date() - back * DAY
    while True:
        if at(day, time.min, zone).astimezone(zone).date() == day:
            yield day
        day += DAY


def next_at(
    clock: time, since: datetime, zone: tzinfo, *, on: frozenset[int] = EVERY_DAY
) -> datetime:
    """The first instant from `since` on that shows `clock`, on one of these days of the week."""
    return next(
        instant
        for day in days(since, zone)
        if day.isoweekday() in on and (instant := at(day, clock, zone)) >= since
    )


def next_open(windows: Iterable[Window], since: datetime, zone: tzinfo) -> datetime:
    """The first instant from `since` on that lies in every window, for somebody in `zone`.

    Raises NeverOpen when there is none.
    """
    windows, instant = tuple(windows), since
    while instant - since <= SEARCH:
        opening = max((_next_open(window, instant, zone) for window in windows), default=instant)
        if opening == instant:
            return instant
        instant = opening
    raise NeverOpen(f"The send windows have no time in common in {zone}.")


def _next_open(window: Window, since: datetime, zone: tzinfo) -> datetime:
    zone = ZoneInfo(window.zone) if window.zone else zone
    overnight = DAY if window.closes <= window.opens else timedelta(0)
    for day in days(since, zone, back=1):
        if day.isoweekday() in window.weekdays:
            closes = at(day + overnight, window.closes, zone)
            opens = max(since, at(day, window.opens, zone))
            if opens < closes:
                return opens
    raise AssertionError  # pragma: no cover - there is always another day


def _end_of_gap(shown: datetime) -> datetime:
    """The first instant after the gap in which `shown` falls, to the second."""
    # With the offset from before the gap it comes to lie after it, and the other way round.
    early, late = (int(shown.replace(fold=fold).timestamp()) for fold in (1, 0))
    offset = shown.replace(fold=1).utcoffset()

    def is_after(second: int) -> bool:
        return datetime.fromtimestamp(second, shown.tzinfo).utcoffset() == offset

    return datetime.fromtimestamp(early + bisect_left(range(early, late), True, key=is_after), UTC)
