"""When a recurring campaign comes next: pure."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from emailseq.lib import localtime

DAY, WEEK, MONTH = "day", "week", "month"


class Rhythm(NamedTuple):
    """Every day, on one day of the week (`on` is 1 for Monday) or of the month; at a time."""

    every: str
    on: int
    at: time


def next_after(rhythm: Rhythm, moment: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after `moment` at which it is due, on the clock of `zone`.

    The 31st of a month that has fewer days is its last one.
    """
    return next(
        instant
        for day in localtime.days(moment, zone)
        if _is_due(rhythm, day) and (instant := localtime.at(day, rhythm.at, zone)) > moment
    )


def _is_due(rhythm: Rhythm, day: date) -> bool:
    match rhythm.every:
        case "week":
            return day.isoweekday() == rhythm.on
        case "month":
            return day.day == min(rhythm.on, monthrange(day.year, day.month)[1])
    return True
