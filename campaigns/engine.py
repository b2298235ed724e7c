"""What moves campaigns on: recipients enter the outbox, and once all are done it is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef

from accounts.audit import SYSTEM
from analytics import harm, insights
from campaigns import audience, services, timing, trials, variants
from campaigns.models import Campaign, Trial
from campaigns.states import CampaignState
from campaigns.variants import Content
from delivery import services as delivery
from delivery.models import Outbox
from delivery.services import NewMessage
from delivery.states import SourceKind
from emailseq.lib import clock, localtime
from emailseq.lib.errors import AppError

# A campaign that has this many messages due in the outbox waits: it stays small, and so stays fast.
BACKLOG = 100_000

log = structlog.get_logger(__name__)


def start() -> int:
    """Start the campaigns whose time has come; how many. One that cannot start is a draft again."""
    return sum(map(_start, Campaign.objects.due(clock.db_now()).order_by("starts_at")))


def fill(limit: int = 5000) -> int:
    """Queue the next `limit` recipients of each campaign that has some left; how many they were.

    Messages and cursor commit together, page by page: a kill costs the page, and the next tick
    does it again. Whoever holds a campaign already goes on with it.
    """
    now = clock.db_now()
    waiting = list(Campaign.objects.to_fill().order_by("id").values_list("id", flat=True))
    return sum(_fill_page(campaign_id, limit=limit, now=now) for campaign_id in waiting)


@transaction.atomic
def finish() -> int:
    """Call those campaigns sent of which no message is left; a message in doubt is left."""
    left = Outbox.objects.filter(kind=SourceKind.CAMPAIGN, source_id=OuterRef("id"))
    done = Campaign.objects.to_finish().filter(~Exists(left)).order_by("id")
    return sum(map(services.finish, done.select_for_update(skip_locked=True, no_key=True)))


def brake() -> int:
    """Pause campaigns that bounce or annoy too much; how many they were."""
    sending = {row.pk: row for row in Campaign.objects.filter(state=CampaignState.SENDING)}
    found = harm.found(SourceKind.CAMPAIGN, list(sending))
    return sum(services.pause(sending[pk], by=SYSTEM, because=why) for pk, why in found.items())


def _start(campaign: Campaign) -> bool:
    try:
        return services.start(campaign)
    except AppError as error:
        log.warning("campaign_not_started", campaign=campaign.public_id, because=error.detail)
        services.unschedule(campaign, by=SYSTEM, because=error.detail)
        return False


@transaction.atomic
def _fill_page(campaign_id: int, *, limit: int, now: datetime) -> int:
    unlocked = Campaign.objects.to_fill().select_for_update(skip_locked=True, no_key=True)
    campaign = unlocked.filter(pk=campaign_id).first()
    if campaign is None or _is_backed_up(campaign, now):
        return 0
    # Read once the campaign is locked: whoever held it just now may have ended the sample.
    trial = Trial.objects.filter(campaign=campaign).first()
    if trial and trial.queued_at and not trial.winner:
        return 0
    ahead = audience.places(campaign).filter(
        id__gt=campaign.fill_cursor, id__lte=campaign.fill_until
    )
    wanted = ahead.order_by("id").values_list("id", "subscriber_id", "subscriber__time_zone")
    page = list(wanted[:limit])
    queued = _queue(campaign, trial, {person: zone for _, person, zone in page}, now=now)
    done = len(page) < limit
    Campaign.objects.filter(pk=campaign.pk).update(
        recipient_count=F("recipient_count") + queued,
        **(_end_of_pass(campaign, trial, now) if done else {"fill_cursor": page[-1][0]}),
    )
    return queued


def _end_of_pass(campaign: Campaign, trial: Trial | None, now: datetime) -> dict[str, Any]:
    """What becomes of a campaign when its last page is filled: of a sample, the rest follows."""
    if trial and not trial.winner:
        Trial.objects.filter(pk=trial.pk).update(queued_at=now)
        if trial.sample_percent < 100:
            return {"fill_cursor": 0}
    return {"fill_cursor": campaign.fill_until, "filled_at": now}


def _is_backed_up(campaign: Campaign, now: datetime) -> bool:
    queued = Outbox.objects.filter(**campaign.source)
    if campaign.scheduled_at:  # the index alone tells how many there are, but not when they are due
        queued = queued.filter(run_at__lte=now)
    return queued[BACKLOG:].exists()


def _queue(
    campaign: Campaign, trial: Trial | None, zones: Mapping[int, str], *, now: datetime
) -> int:
    """Queue the people of a page, whose time zones these are, each for their time."""
    contents = variants.contents(campaign) if trial else {"": variants.content_of(campaign)}
    queued = 0
    for variant, people in _shares(campaign, trial, zones).items():
        message = _message(campaign, variant, contents[variant])
        at = trial.decided_at if trial and trial.winner else campaign.scheduled_at
        if at is None or not (campaign.local_time or campaign.spread_minutes or campaign.best_time):
            queued += delivery.queue_each(message, to=people, now=now)
        else:
            timed = _timed(campaign, at, {person: zones[person] for person in people})
            each = [message._replace(subscriber_id=who, run_at=when) for who, when in timed]
            queued += delivery.queue_many(each, now=now)
    return queued


def _shares(campaign: Campaign, trial: Trial | None, people: Iterable[int]) -> dict[str, list[int]]:
    """Who of a page is queued now, by variant: all; of a test first its sample, then the rest."""
    if trial is None:
        return {"": list(people)}
    shares = defaultdict[str, list[int]](list)
    keys = variants.keys_of(campaign)
    for person in people:
        sampled = trials.is_sampled(campaign.pk, person, percent=trial.sample_percent)
        if sampled and not trial.winner:
            shares[trials.variant_of(campaign.pk, person, keys)].append(person)
        elif trial.winner and not sampled:
            shares[trial.winner].append(person)
    return shares


def _timed(
    campaign: Campaign, at: datetime, zones: Mapping[int, str]
) -> Iterator[tuple[int, datetime]]:
    """These people, and when each one's message may leave."""
    own, _ = localtime.zone_or(campaign.workspace.time_zone, localtime.UTC_ZONE)
    spread = timedelta(minutes=campaign.spread_minutes)
    best = insights.best_hours(campaign.workspace, zones) if campaign.best_time else {}
    for person, zone in zones.items():
        if hour := best.get(person):
            yield person, timing.at_hour(at, hour=hour.hour, person=person)
            continue
        theirs = localtime.zone_or(zone, own)[0] if campaign.local_time else None
        yield (
            person,
            timing.leaves_at(at, zone=own, theirs=theirs, spread=spread, person=person),
        )


def _message(campaign: Campaign, variant: str, content: Content) -> NewMessage:
    return NewMessage(
        workspace_id=campaign.workspace_id,
        **campaign.source,
        step_key="",
        run=0,
        variant=variant,
        subscriber_id=0,  # of a page, each
        list_id=campaign.list_id,
        **content._asdict(),
    )
