"""Campaigns that come again and again: each time a campaign of its own is made of a draft."""

from __future__ import annotations

from datetime import datetime, time

import structlog
from django.db import transaction
from django.utils.formats import date_format

from accounts import audit
from accounts.audit import SYSTEM, Actor
from campaigns import copies, services
from campaigns.models import Campaign, Recurrence
from campaigns.rhythm import Rhythm, next_after
from campaigns.states import CAMPAIGN_MOVES, CampaignState, Every
from campaigns.timing import TOO_LATE
from delivery import sources
from emailseq.lib import clock, localtime, state
from emailseq.lib.errors import AppError, Invalid

MISSED = "It was not made in time, and so not sent by itself: send it, or leave it."

log = structlog.get_logger(__name__)


@transaction.atomic
def repeat(campaign: Campaign, *, every: str, at: time, on: int = 1, by: Actor) -> Recurrence:
    """Send a copy of a draft every day, week (`on` 1 is Monday) or month at a time; or otherwise.

    Each is checked and counted when it is sent. Raises Invalid, and StateConflict past a draft.
    """
    sources.lock(campaign)
    if campaign.state != CampaignState.DRAFT:
        raise state.refusal("repeat", CAMPAIGN_MOVES, state=campaign.state)
    most = {Every.WEEK: 7, Every.MONTH: 31}.get(Every(every), 1)
    if not 1 <= on <= most:
        raise Invalid.field("on", "out_of_range", f"This is between 1 and {most}.")
    plan = {"every": every, "on": on, "at": at}
    plan["next_at"] = _next(campaign, Rhythm(every, on, at), clock.now())
    found, _ = Recurrence.objects.update_or_create(campaign=campaign, defaults=plan)
    told = {name: str(value) for name, value in plan.items()}
    audit.record(campaign.workspace_id, "campaign.repeated", by=by, on=campaign, changes=told)
    return found


@transaction.atomic
def stop_repeating(campaign: Campaign, *, by: Actor) -> bool:
    """Make no more copies; those that were made stay. False when none were to come."""
    deleted, _ = Recurrence.objects.filter(campaign=campaign).delete()
    if deleted:
        audit.record(campaign.workspace_id, "campaign.repeated_no_more", by=by, on=campaign)
    return bool(deleted)


def make_due() -> int:
    """Make and send the copies whose time has come; how many were made."""
    due = Recurrence.objects.filter(next_at__lte=clock.db_now()).order_by("next_at")
    return sum(_make(pk) for pk in due.values_list("pk", flat=True))


@transaction.atomic
def _make(pk: int) -> bool:
    """Of two at once, one makes it: the copy and the next time commit together."""
    now = clock.db_now()
    rows = Recurrence.objects.select_for_update(skip_locked=True, of=("self",))
    found = rows.select_related("campaign__workspace").filter(pk=pk, next_at__lte=now).first()
    if found is None:
        return False
    campaign, at = found.campaign, found.next_at
    found.next_at = _next(campaign, Rhythm(found.every, found.on, found.at), now)
    found.save(update_fields=["next_at"])
    copy = copies.duplicate(campaign, by=SYSTEM, called=_day(campaign, at))
    Campaign.objects.filter(pk=copy.pk).update(occurrence_of=campaign)
    refusal = MISSED if at <= now - TOO_LATE else _refusal(copy)
    if refusal:
        log.warning("recurring_not_sent", campaign=copy.public_id, because=refusal)
        Campaign.objects.filter(pk=copy.pk).update(refusal=refusal[:700])
    return True


def _refusal(copy: Campaign) -> str:
    """Send it; why it could not be, which leaves it a draft."""
    try:
        services.send(copy, by=SYSTEM)
    except AppError as error:
        return error.detail
    return ""


def _day(campaign: Campaign, at: datetime) -> str:
    zone, _ = localtime.zone_or(campaign.workspace.time_zone, localtime.UTC_ZONE)
    return date_format(at.astimezone(zone), "j M Y")


def _next(campaign: Campaign, rhythm: Rhythm, moment: datetime) -> datetime:
    zone, _ = localtime.zone_or(campaign.workspace.time_zone, localtime.UTC_ZONE)
    return next_after(rhythm, moment, zone)
