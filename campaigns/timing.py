"""When each message of a scheduled campaign may leave: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from emailseq.lib import localtime

# Where a day begins first; and so long after its time a campaign does not start by itself any more.
EAST = timezone(timedelta(hours=14))
TOO_LATE = timedelta(hours=2)

# Of its multiples, the fractions lie as evenly as can be, however many there are.
GOLDEN = 0.6180339887498949


def starts_at(at: datetime, *, zone: ZoneInfo, local_time: bool) -> datetime:
    """When the first message may leave: with `local_time`, to somebody in the far east."""
    return _on_clock_of(EAST, at, zone) if local_time else at


def leaves_at(
    at: datetime, *, zone: ZoneInfo, theirs: ZoneInfo | None, spread: timedelta, person: int
) -> datetime:
    """When one person's message may leave: at the time that `zone` shows at `at`, on their clock.

    `theirs` is None if all get it at one instant. Over `spread` people lie evenly, by their id.
    """
    begins = _on_clock_of(theirs, at, zone) if theirs else at
    return begins + spread * (person * GOLDEN % 1)


def at_hour(at: datetime, *, hour: int, person: int) -> datetime:
    """When somebody's message leaves in the day from `at` on, within this hour, in UTC."""
    begins = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begins += timedelta(hours=(hour - begins.hour) % 24)
    return max(at, begins + timedelta(hours=1) * (person * GOLDEN % 1))


def _on_clock_of(theirs: ZoneInfo | timezone, at: datetime, zone: ZoneInfo) -> datetime:
    shown = at.astimezone(zone)
    return localtime.at(shown.date(), shown.time(), theirs)
