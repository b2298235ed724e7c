"""How far campaigns are, for every page and client that shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count

from analytics.numbers import numbers_by_source
from campaigns.models import Campaign
from delivery.models import Outbox, SendLedger
from delivery.states import SourceKind
from emailseq.lib import clock

LATEST = 500  # messages tell how fast it goes


@dataclass(frozen=True)
class Progress:
    """Where the recipients of a campaign are."""

    recipients: int
    sent: int
    skipped: int
    failed: int
    in_doubt: int

    @property
    def done(self) -> int:
        """Whoever nothing more happens to by itself."""
        return self.sent + self.skipped + self.failed + self.in_doubt

    @property
    def queued(self) -> int:
        return max(0, self.recipients - self.done)


@dataclass(frozen=True)
class Speed:
    """How fast a campaign leaves just now, and how long that takes for the rest of it."""

    per_minute: int
    minutes_left: int


def speed(campaign: Campaign) -> Speed | None:
    """By its latest messages; None where none has left within the last two minutes."""
    finished = SendLedger.objects.filter(**campaign.source).order_by("-id")
    latest = sorted(finished.values_list("finished_at", flat=True)[:LATEST])
    now = clock.now()
    if not latest or latest[-1] < now - timedelta(minutes=2):
        return None
    rate = len(latest) / max((now - latest[0]).total_seconds(), 1.0)
    left = progress(campaign).queued
    return Speed(max(1, round(rate * 60)), math.ceil(left / rate / 60))


def progress(campaign: Campaign) -> Progress:
    """Where the recipients of one campaign are, as of a second ago."""
    return progress_by_campaign([campaign])[campaign.pk]


def progress_by_campaign(campaigns: Sequence[Campaign]) -> dict[int, Progress]:
    """The same for a page of campaigns, by id, in two queries that do not grow with them."""
    ids = [campaign.pk for campaign in campaigns]
    numbers = numbers_by_source(SourceKind.CAMPAIGN, ids)
    doubts = Outbox.objects.in_doubt().filter(kind=SourceKind.CAMPAIGN, source_id__in=ids)
    in_doubt = dict(doubts.values_list("source_id").annotate(Count("id")))
    return {
        campaign.pk: Progress(
            recipients=campaign.recipient_count,
            sent=numbers[campaign.pk].sent,
            skipped=numbers[campaign.pk].skipped,
            failed=numbers[campaign.pk].failed,
            in_doubt=in_doubt.get(campaign.pk, 0),
        )
        for campaign in campaigns
    }
