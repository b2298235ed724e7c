"""When a wait is over. Pure: all local time comes from `emailseq.lib.localtime`.

{"seconds": 3600}                                  {"weekdays": [1, 4], "time": "09:00"}
{"time": "09:00"}      {"field": "renewal", "offset_days": -5, "time": "09:00", "yearly": true}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from emailseq.lib import localtime


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
        case Delay(length):
            return since + length
        case UntilTime(clock):
            return localtime.next_at(clock, since, zone)
        case UntilWeekday(weekdays, clock):
            return localtime.next_at(clock, since, zone, on=weekdays)
        case UntilDate():
            day = _date(fields.get(wait.field), zone)
            return _date_reached(wait, day, since, zone) if day else since


def objection(wait: Wait, *, zone: ZoneInfo, fields: Mapping[str, object]) -> str:
    """Why a wait is none for somebody with these fields; '' if it is one."""
    if isinstance(wait, UntilDate) and _date(fields.get(wait.field), zone) is None:
        return f"There is no date in “{wait.field}”."
    return ""


def _date_reached(wait: UntilDate, day: date, since: datetime, zone: ZoneInfo) -> datetime:
    if not wait.yearly:
        return max(since, localtime.at(day + wait.offset, wait.time, zone))
    instants = (
        localtime.at(anniversary + wait.offset, wait.time, zone)
        for anniversary in _anniversaries(day, since.year - 2)
    )
    return next(instant for instant in instants if instant >= since)


def _anniversaries(day: date, year: int) -> Iterator[date]:
    for each in count(year):
        try:
            yield day.replace(year=each)
        except ValueError:
            yield date(each, 2, 28)  # of 29 February


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
    return value if isinstance(value, date) and 1000 < value.year < 9000 else None


def parse(found: Mapping[str, Any]) -> Wait:
    """The wait that `dump` wrote. Raises ValueError or TypeError for anything else."""
    match dict(found):
        case {"seconds": seconds, **rest} if not rest:
            return Delay(timedelta(seconds=seconds))
        case {"weekdays": [_, *_] as days, "time": at, **rest} if not rest and _are_weekdays(days):
            return UntilWeekday(frozenset(days), time.fromisoformat(at))
        case {"field": str(field), "time": at, **rest} if not rest.keys() - {
            "offset_days",
            "yearly",
        }:
            offset = timedelta(days=rest.get("offset_days", 0))
            return UntilDate(field, offset, time.fromisoformat(at), rest.get("yearly", False))
        case {"time": at, **rest} if not rest:
            return UntilTime(time.fromisoformat(at))
    raise ValueError(f"Neither a delay nor a local time, weekday or date: {found!r:.200}")


def dump(wait: Wait) -> dict[str, Any]:
    """As JSON; `parse` is the inverse."""
    match wait:
        case Delay(length):
            return {"seconds": length.total_seconds()}
        case UntilTime(at):
            return {"time": at.isoformat("minutes")}
        case UntilWeekday(weekdays, at):
            return {"weekdays": sorted(weekdays), "time": at.isoformat("minutes")}
        case UntilDate(field, offset, at, yearly):
            return {
                "field": field,
                "offset_days": offset.days,
                "time": at.isoformat("minutes"),
                "yearly": yearly,
            }


def _are_weekdays(days: list[Any]) -> bool:
    return {*days} <= {*range(1, 8)}
