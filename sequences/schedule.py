"""When a wait is over. Pure: all local time comes from `emailseq.lib.localtime`.

{"seconds": 3600}                                  {"weekdays": [1, 4], "time": "09:00"}
{"time": "09:00"}      {"field": "renewal", "offset_days": -5, "time": "09:00", "yearly": true}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from emailseq.lib import localtime
from subscribers.segments import reading
from subscribers.segments.comparisons import FIRST_DAY, LAST_DAY
from subscribers.segments.reading import Object, each, fault

MAX_WAIT = timedelta(days=3660)


@dataclass(frozen=True)
class Delay:
    """Let that much time pass."""

    length: timedelta


@dataclass(frozen=True)
class UntilTime:
    """Until the subscriber's clock next shows this time."""

    time: time


@dataclass(frozen=True)
class UntilWeekday:
    """Until the next of these days of the week (1 is Monday), at this local time."""

    weekdays: frozenset[int]
    time: time


@dataclass(frozen=True)
class UntilDate:
    """Until whole days before (negative) or after a date of the subscriber, at this local time.

    Yearly: its next anniversary; that of 29 February is 28 February in common years.
    """

    field: str
    offset: timedelta
    time: time
    yearly: bool = False


Wait = Delay | UntilTime | UntilWeekday | UntilDate


def over_at(
    wait: Wait, since: datetime, *, zone: ZoneInfo, fields: Mapping[str, object]
) -> datetime:
    """When a wait is over that began at `since`; never before that.

    A date that is past, missing or no date holds up nobody: see `objection`.
    """
    match wait:
        case Delay():
            return since + wait.length
        case UntilTime(clock):
            return localtime.next_at(clock, since, zone)
        case UntilWeekday(weekdays, clock):
            return localtime.next_at(clock, since, zone, on=weekdays)
    day = _date(fields.get(wait.field), zone)
    return _date_reached(wait, day, since, zone) if day else since


def falls_due(
    wait: UntilDate, value: object, *, zone: ZoneInfo, after: datetime, until: datetime
) -> date | None:
    """The day whose time comes after the one instant, and at the latest at the other.

    That is the date in `value` or, yearly, its anniversary; None if neither comes then.
    """
    day = _date(value, zone)
    if day is None:
        return None
    years = range((after - wait.offset).year - 1, (until - wait.offset).year + 2)
    days = [_anniversary(day, year) for year in years] if wait.yearly else [day]
    return next((each for each in days if after < _comes(wait, each, zone) <= until), None)


def objection(wait: Wait, *, zone: ZoneInfo, fields: Mapping[str, object]) -> str:
    """Why a wait is none for somebody with these fields; '' if it is one."""
    if isinstance(wait, UntilDate) and _date(fields.get(wait.field), zone) is None:
        return f"There is no date in “{wait.field}”."
    return ""


def _date_reached(wait: UntilDate, day: date, since: datetime, zone: ZoneInfo) -> datetime:
    if not wait.yearly:
        return max(since, _comes(wait, day, zone))
    instants = (
        _comes(wait, _anniversary(day, year), zone)
        for year in count((since - wait.offset).year - 1)
    )
    return next(instant for instant in instants if instant >= since)


def _comes(wait: UntilDate, day: date, zone: ZoneInfo) -> datetime:
    return localtime.at(day + wait.offset, wait.time, zone)


def _anniversary(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)  # of 29 February


def _date(value: object, zone: ZoneInfo) -> date | None:
    """The local day that a field names, if it names one."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        value = (value.astimezone(zone) if value.tzinfo else value).date()
    # 0001-01-01 and 9999-12-31 are how some systems say that there is none.
    return value if isinstance(value, date) and FIRST_DAY <= value <= LAST_DAY else None


def parse(data: Any, *, at: str = "") -> Wait:
    """The wait in `data`. Raises Invalid, with the JSON pointer (below `at`) of every fault."""
    given = Object(data, at)
    if "seconds" in given.left:
        wait: Wait = Delay(given.take("seconds", length))
    elif "weekdays" in given.left:
        days = given.take("weekdays", lambda value, place: each(value, place, _weekday))
        wait = UntilWeekday(frozenset(days or ()), given.take("time", _time))
    elif "field" in given.left:
        wait = UntilDate(
            given.take("field", reading.text),
            given.take("offset_days", _days, default=timedelta(0)),
            given.take("time", _time),
            given.take("yearly", _flag, default=False),
        )
    elif "time" in given.left:
        wait = UntilTime(given.take("time", _time))
    else:
        raise fault(at, "required", "This must have one of seconds, time, weekdays, field.")
    given.close()
    return wait


def dump(wait: Wait) -> dict[str, Any]:
    """As JSON; `parse` is the inverse."""
    match wait:
        case Delay():
            return {"seconds": wait.length.total_seconds()}
        case UntilTime(at):
            return {"time": at.isoformat("minutes")}
        case UntilWeekday(weekdays, at):
            return {"weekdays": sorted(weekdays), "time": at.isoformat("minutes")}
    return {
        "field": wait.field,
        "offset_days": wait.offset.days,
        "time": wait.time.isoformat("minutes"),
        "yearly": wait.yearly,
    }


def length(value: Any, at: str) -> timedelta:
    """A number of seconds, as time that passes. Raises Invalid."""
    if type(value) not in (int, float) or not 0 < value <= MAX_WAIT.total_seconds():
        raise fault(at, "invalid", f"This must be seconds, of at most {MAX_WAIT.days} days.")
    return timedelta(seconds=value)


def _time(value: Any, at: str) -> time:
    if isinstance(value, str) and re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", value):
        return time.fromisoformat(value)
    raise fault(at, "invalid", "This must be a time of day like 09:00.")


def _weekday(value: Any, at: str) -> int:
    if type(value) is int and 1 <= value <= 7:
        return value
    raise fault(at, "invalid", "This must be a day of the week: 1 is Monday, 7 is Sunday.")


def _days(value: Any, at: str) -> timedelta:
    if type(value) is int and abs(value) <= MAX_WAIT.days:
        return timedelta(days=value)
    raise fault(at, "invalid", f"This must be whole days, at most {MAX_WAIT.days}.")


def _flag(value: Any, at: str) -> bool:
    if isinstance(value, bool):
        return value
    raise fault(at, "invalid", "This must be true or false.")
