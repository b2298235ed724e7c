"""How often a mailbox may be asked whether it wants mail: what asks is itself mail unasked for.

Somebody else's address can be typed into a thousand forms; nobody is to suffer for it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

GOOD_FOR = timedelta(days=7)  # a link that confirms
DISOWN_WITHIN = timedelta(days=30)  # a link that says "this was not me"
QUIET_AFTER_DISOWNED = timedelta(days=180)
DAY, MOST_A_DAY = timedelta(days=1), 3
APART = timedelta(minutes=10)


def why_not(
    now: datetime, *, asked: Sequence[datetime], disowned_at: datetime | None = None
) -> str:
    """Why a mailbox that was asked at these instants is not asked now; empty if it may be."""
    if disowned_at and now - disowned_at < QUIET_AFTER_DISOWNED:
        return "they said that it was not them"
    if sum(now - instant < DAY for instant in asked) >= MOST_A_DAY:
        return f"they were asked {MOST_A_DAY} times within a day"
    if any(now - instant < APART for instant in asked):
        return "they were asked within the last ten minutes"
    return ""
