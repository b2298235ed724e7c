"""How mailbox providers take what is sent, and how long people take to open it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from django.db.models import QuerySet, Sum

from accounts.models import Workspace
from analytics.models import Share
from analytics.shares import DELAYS, WITH_REASON
from analytics.states import Breadth
from delivery import kinds
from delivery.states import Verdict
from emailseq.lib import clock

# What large providers ask of bulk senders: stay below the first, and never reach the second.
GOOD_COMPLAINTS, WORST_COMPLAINTS = 0.001, 0.003
ENOUGH = 1000  # messages, before a rate says something
WATCHED = timedelta(days=30)


@dataclass(frozen=True)
class Reason:
    """Why messages were put off (`deferred`), not taken (`failed`) or came back (`bounced`)."""

    what: str
    why: str
    count: int


@dataclass(frozen=True)
class Provider:
    """What became of the messages to one mailbox provider, a `domain_group` of delivery.

    `deferred` are tries and not messages; `opened` and `clicked` are messages, by people.
    """

    provider: str
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    bounced: int = 0
    complained: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    reasons: list[Reason] = field(default_factory=list)

    @property
    def delivered_rate(self) -> float | None:
        """Which part of what was tried neither failed nor came back."""
        tried = self.sent + self.failed
        return max(0, self.sent - self.bounced) / tried if tried else None

    @property
    def complaint_rate(self) -> float | None:
        return self.complained / self.sent if self.sent else None

    @property
    def reputation(self) -> Reputation:
        if self.sent < ENOUGH or self.complaint_rate is None:
            return Reputation.UNKNOWN
        if self.complaint_rate >= WORST_COMPLAINTS:
            return Reputation.BAD
        return Reputation.GOOD if self.complaint_rate < GOOD_COMPLAINTS else Reputation.WATCH


class Reputation(StrEnum):
    """What its complaint rate says: below 0.1 %, below 0.3 %, or not."""

    GOOD = "good"
    WATCH = "watch"
    BAD = "bad"
    UNKNOWN = "unknown"  # too few messages


class Delay(NamedTuple):
    """How many messages were first opened `within` so many seconds, but no sooner than the
    `Delay` before; None: later than all of these."""

    within: int | None
    opened: int


def providers(kind: str, source_id: int) -> list[Provider]:
    """Of one campaign or sequence, the largest first."""
    own = Share.objects.filter(source_kind=kind, source_id=source_id, by=Breadth.PROVIDER)
    return _providers(own)


def providers_of(workspace: Workspace, *, days: int) -> list[Provider]:
    """Of all that a workspace sent in the last days, in UTC, today included."""
    since = clock.now().date() - timedelta(days=days - 1)
    own = Share.objects.of(workspace).filter(source_kind="", source_id=0, by=Breadth.PROVIDER)
    return _providers(own.filter(day__gte=since))


def whole(found: Iterable[Provider]) -> Provider:
    """All providers together."""
    rows = list(found)
    return Provider("", *(sum(getattr(one, name) for one in rows) for name in _COUNTS))


def delays(kind: str, source_id: int) -> list[Delay]:
    """How long people took to open the messages of one source; all that are told apart."""
    own = Share.objects.filter(source_kind=kind, source_id=source_id, by=Breadth.DELAY)
    rows = dict(own.values_list("value").annotate(Sum("first_count")).order_by())
    return [Delay(end, rows.get(str(end or ""), 0)) for end in (*DELAYS, None)]


_COUNTS = (
    *("sent", "deferred", "failed", "bounced", "complained"),
    *("opened", "clicked", "unsubscribed"),
)
_BY_PEOPLE = (kinds.MESSAGE_OPENED, kinds.MESSAGE_CLICKED)


def _providers(shares: QuerySet[Share]) -> list[Provider]:
    rows = shares.values_list("value", "kind", "verdict", "detail")
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for provider, kind, verdict, detail, count, firsts in rows.annotate(
        Sum("count"), Sum("first_count")
    ).order_by():
        what = kind.removeprefix("message.")
        if kind not in _BY_PEOPLE:
            counts[provider][what] += count
        elif verdict == Verdict.HUMAN:
            counts[provider][what] += firsts
        if kind in WITH_REASON:
            reasons[provider][what, detail] += count
    found = [
        Provider(name, **sums, reasons=[Reason(*key, n) for key, n in reasons[name].most_common()])
        for name, sums in counts.items()
    ]
    return sorted(found, key=lambda one: (-one.sent, one.provider))
