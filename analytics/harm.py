"""Which campaigns and sequences do harm: too much of what they send bounces, annoys or fails.

Their own apps ask each minute, and pause those that do. Counted are the last seven days, and not
what a source has been paused for once: that somebody has looked into since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import Sum

from analytics.models import Rollup
from delivery import kinds
from delivery.models import Feedback, SendLedger, Source
from delivery.states import Failure
from emailseq.lib import clock

WINDOW = timedelta(days=7)
UNSENDABLE_PERCENT, UNSENDABLE_OF = 5.0, 50  # messages that cannot be rendered, or nobody takes


class Tally(NamedTuple):
    """What became of the messages of a source lately."""

    sent: int
    failed: int
    bounced: int
    unsendable: int
    complained: int


def found(kind: str, source_ids: Collection[int]) -> dict[int, str]:
    """Of these sources those that do harm, by id, with a sentence that says which."""
    now = clock.now()
    rows = Source.objects.filter(kind=kind, source_id__in=source_ids, braked_at__gt=now - WINDOW)
    braked = {row.source_id: row.braked_at for row in rows if row.braked_at}
    never = [source_id for source_id in source_ids if source_id not in braked]
    tallies = _tallies(kind, never, after=now - WINDOW)
    for source_id, braked_at in braked.items():
        tallies |= _tallies(kind, [source_id], after=braked_at)
    said = {source_id: " ".join(_harm(tally)) for source_id, tally in tallies.items()}
    return {each: f"{why}{_words(kind, each)}" for each, why in said.items() if why}


def _harm(tally: Tally) -> Iterator[str]:
    tried = tally.sent + tally.failed
    for count, of, least, most, what in (
        (tally.bounced, tried, settings.BRAKE_AFTER, settings.BRAKE_BOUNCES, "bounced"),
        (tally.complained, tally.sent, settings.BRAKE_AFTER, settings.BRAKE_COMPLAINTS, "annoyed"),
        (tally.unsendable, tried, UNSENDABLE_OF, UNSENDABLE_PERCENT, "could not be sent"),
    ):
        if of >= least and 100 * count > most * of:
            yield f"{100 * count / of:.1f} % of {of:,} messages {what}: more than {most:g} %."


def _words(kind: str, source_id: int) -> str:
    """What servers said most often of late, at once or later, if they said something."""
    lately = SendLedger.objects.filter(kind=kind, source_id=source_id).order_by("-id")
    replies = lately.filter(outcome="failed").values_list("reply", "reason")[:200]
    back = Feedback.objects.bad().filter(message_id__in=lately.values("pk")[:2000])
    reasons = back.exclude(reason="").order_by("-id").values_list("reason", flat=True)[:200]
    words = [*(reply or reason for reply, reason in replies), *reasons]
    said = Counter(words).most_common(1)
    return f" Mostly: {said[0][0]}" if said else ""


def _tallies(kind: str, source_ids: Collection[int], *, after: datetime) -> dict[int, Tally]:
    """Of the whole hours after that time."""
    rows = (
        Rollup.objects.filter(source_kind=kind, source_id__in=source_ids, hour__gt=after)
        .values_list("source_id", "kind", "verdict")
        .annotate(Sum("count"))
        .order_by()
    )
    counts = {source_id: Counter[tuple[str, str]]() for source_id in source_ids}
    for source_id, what, verdict, count in rows:
        counts[source_id][what, verdict] += count
    return {source_id: _tally(of) for source_id, of in counts.items()}


def _tally(counts: Counter[tuple[str, str]]) -> Tally:
    return Tally(
        sent=counts[kinds.MESSAGE_SENT, ""],
        failed=sum(count for (kind, _), count in counts.items() if kind == kinds.MESSAGE_FAILED),
        bounced=counts[kinds.MESSAGE_FAILED, Failure.HARD]
        + counts[kinds.MESSAGE_BOUNCED, Failure.HARD],
        unsendable=counts[kinds.MESSAGE_FAILED, Failure.CONTENT]
        + counts[kinds.MESSAGE_BOUNCED, Failure.CONTENT],
        complained=sum(
            count for (kind, _), count in counts.items() if kind == kinds.MESSAGE_COMPLAINED
        ),
    )
