"""When soft bounces say more than "for now"."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

DAYS, WITHIN = 3, timedelta(days=30)
STRICT, STRICT_WITHIN = 2, timedelta(days=7)
SILENCE = timedelta(days=5)  # what has not come back by then has arrived: queues give up sooner


class Soft(NamedTuple):
    """One message that came back for now; `strict` where that seldom gets better."""

    at: datetime
    strict: bool


def is_worn_out(softs: Iterable[Soft], *, delivered_at: datetime | None) -> bool:
    """Whether an address has bounced softly on three days of a month, or strictly twice in a week.

    What came before the last delivery does not count. It is all the same in which order the
    bounces became known.
    """
    since = sorted(soft for soft in softs if delivered_at is None or soft.at > delivered_at)
    days = sorted({soft.at.date() for soft in since})
    strict = [soft.at for soft in since if soft.strict]
    often = zip(days, days[DAYS - 1 :], strict=False)
    badly = zip(strict, strict[STRICT - 1 :], strict=False)
    return any(last - first <= WITHIN for first, last in often) or any(
        last - first <= STRICT_WITHIN for first, last in badly
    )
