"""The verbs of campaigns. Each one runs in one transaction with its event and its audit entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from campaigns import approvals, audience, kinds, timing, variants
from campaigns.models import Campaign, Trial
from campaigns.states import CAMPAIGN_MOVES, FINISH, CampaignState
from delivery import services as delivery
from delivery import sources
from delivery.models import SenderIdentity
from emailseq.lib import clock, localtime, state, text
from emailseq.lib.errors import Invalid, Problem
from subscribers.models import List
from subscribers.states import SegmentState
from templates_app import services as templates
from templates_app.models import Template, TemplateVersion

# No time to wait for.
AT_ONCE = {
    "scheduled_at": None,
    "starts_at": None,
    "local_time": False,
    "spread_minutes": 0,
    "best_time": False,
}
ARCHIVABLE = (CampaignState.DRAFT, CampaignState.SENT, CampaignState.CANCELLED)
# What narrows an audience: several of each.
NARROWING = ("segments", "excluded_lists", "excluded_segments", "excluded_campaigns")


@transaction.atomic
def create_campaign(
    workspace: Workspace,
    *,
    name: str,
    list: List,  # noqa: A002 - the word of the field
    template: Template,
    sender: SenderIdentity,
    by: Actor,
    **narrowing: Sequence[Any],
) -> Campaign:
    """Make a draft, narrowed by any of NARROWING. Raises Invalid for a name that is no text."""
    text.check(name=name)
    campaign = Campaign.objects.create(
        workspace=workspace, name=name, list=list, template=template, sender=sender
    )
    _narrow(campaign, narrowing)
    audit.record(workspace, "campaign.created", by=by, on=campaign)
    return campaign


@transaction.atomic
def update_campaign(
    campaign: Campaign, *, by: Actor, expected_revision: int, **changes: Any
) -> Campaign:
    """Change the name, list, template, sender or NARROWING of a draft.

    Raises Stale when somebody changed it after `expected_revision`, StateConflict once it is sent.
    """
    text.check(name=changes.get("name", ""))
    sources.lock(campaign, expected_revision)
    narrowing = {name: changes.pop(name) for name in NARROWING if name in changes}
    state.move_one(campaign, "update", CAMPAIGN_MOVES, **changes, revision=expected_revision + 1)
    _narrow(campaign, narrowing)
    named = {name: str(value) for name, value in changes.items()}
    named |= {name: ", ".join(map(str, rows)) for name, rows in narrowing.items()}
    audit.record(campaign.workspace_id, "campaign.updated", by=by, on=campaign, changes=named)
    return campaign


@transaction.atomic
def delete_campaign(campaign: Campaign, *, by: Actor, expected_revision: int) -> None:
    """Remove a draft for good. Raises Stale, and StateConflict once it is sent."""
    sources.lock(campaign, expected_revision)
    if campaign.state != CampaignState.DRAFT:
        raise state.refusal("delete", CAMPAIGN_MOVES, state=campaign.state)
    audit.record(campaign.workspace_id, "campaign.deleted", by=by, on=campaign)
    campaign.delete()


@transaction.atomic
def schedule(
    campaign: Campaign,
    *,
    at: datetime,
    local_time: bool = False,
    spread_minutes: int = 0,
    best_time: bool = False,
    expected_recipients: int | None = None,
    by: Actor,
) -> bool:
    """Freeze the content, and start at a time; again, for another time.

    With `local_time` everybody gets it when their own clock shows what the workspace's shows at
    `at`; with `spread_minutes` over so long a time; with `best_time` in the day from then on, each
    at the hour at which they read, as far as can be said. False when that is so already.

    Raises what `send` does, and Invalid when the time is past, for anybody.
    """
    sources.lock(campaign)
    plan: dict[str, Any] = {"scheduled_at": at, "local_time": local_time}
    plan |= {"spread_minutes": spread_minutes, "best_time": best_time}
    if best_time and (local_time or spread_minutes):
        detail = "At their best hour, or by the clock, or over some time: choose one."
        raise Invalid.field("best_time", "excludes_others", detail)
    if campaign.state == CampaignState.SCHEDULED and _has(campaign, plan):
        return False
    plan["starts_at"] = _check_time(campaign, at, local_time=local_time)
    has_sample = Trial.objects.filter(campaign=campaign, sample_percent__lt=100).exists()
    if has_sample and (local_time or best_time):
        detail = "An A/B test of a sample needs one time for all: who would get the rest, and when?"
        field = "best_time" if best_time else "local_time"
        raise Invalid.field(field, "has_trial", detail)
    if campaign.state == CampaignState.DRAFT:
        plan |= {"template_version": _freeze_content(campaign, by=by), "refusal": ""}
        approvals.check(campaign, by=by, expected=expected_recipients)
    state.move_one(campaign, "schedule", CAMPAIGN_MOVES, **plan)
    sources.record(campaign, kinds.CAMPAIGN_SCHEDULED, by=by, at=at.isoformat())
    return True


@transaction.atomic
def unschedule(campaign: Campaign, *, by: Actor, because: str = "") -> bool:
    """Make a draft of it again. False when it is one already. Raises StateConflict."""
    return sources.move(
        campaign,
        "unschedule",
        CAMPAIGN_MOVES,
        kinds.CAMPAIGN_UNSCHEDULED,
        by=by,
        because=because,
        template_version=None,
        refusal=because[:700],
        **AT_ONCE,
    )


@transaction.atomic
def start(campaign: Campaign) -> bool:
    """Begin to send what is due. False when it is not any more. Raises Invalid as `send` does."""
    sources.lock(campaign)
    if not Campaign.objects.due(clock.db_now()).filter(pk=campaign.pk).exists():
        return False
    return _start(campaign, by=audit.SYSTEM)


@transaction.atomic
def send(campaign: Campaign, *, by: Actor, expected_recipients: int | None = None) -> bool:
    """Freeze content and audience, and begin to send to all. False when somebody else just did.

    Whatever time it was scheduled for does not count any more.

    Raises Invalid when the template or list is archived, the template cannot be published or
    nobody would get the campaign; StateConflict when it is past sending; ConfirmationNeeded for
    many more people than usual, or than are expected, and ApprovalNeeded for more than one person
    may decide on.
    """
    sources.lock(campaign)  # two who press the button take turns, and the second finds it sending
    if campaign.state in CAMPAIGN_MOVES["send"].sources:
        approvals.check(campaign, by=by, expected=expected_recipients)
    return _start(campaign, by=by, **AT_ONCE)


@transaction.atomic
def pause(campaign: Campaign, *, by: Actor, because: str = "") -> bool:
    """Let nothing leave that is not on the wire yet. False when it was paused already."""
    paused = sources.move(
        campaign, "pause", CAMPAIGN_MOVES, kinds.CAMPAIGN_PAUSED, by=by, because=because
    )
    if paused:
        delivery.hold(**campaign.source, because=because)
    return paused


@transaction.atomic
def resume(campaign: Campaign, *, by: Actor) -> bool:
    """Go on where a pause stopped. False when it is sending already."""
    resumed = sources.move(campaign, "resume", CAMPAIGN_MOVES, kinds.CAMPAIGN_RESUMED, by=by)
    if resumed:
        delivery.release(**campaign.source)
    return resumed


@transaction.atomic
def cancel(campaign: Campaign, *, by: Actor) -> bool:
    """End it for all whose message is not on the wire yet. False when it was cancelled already."""
    cancelled = sources.move(
        campaign, "cancel", CAMPAIGN_MOVES, kinds.CAMPAIGN_CANCELLED, by=by, ended_at=clock.now()
    )
    if cancelled:
        delivery.cancel(**campaign.source)
    return cancelled


@transaction.atomic
def archive(campaign: Campaign, *, by: Actor) -> bool:
    """Put a draft, or what has ended, out of sight. False when it was. Raises StateConflict."""
    return _put_away(campaign, clock.now(), verb="archive", by=by)


@transaction.atomic
def unarchive(campaign: Campaign, *, by: Actor) -> bool:
    """The opposite of `archive`. False when it is in sight."""
    return _put_away(campaign, None, verb="unarchive", by=by)


@transaction.atomic
def finish(campaign: Campaign) -> bool:
    """Call a campaign sent, once every recipient has an outcome."""
    finished = state.move(Campaign.objects.filter(pk=campaign.pk), FINISH, ended_at=clock.now())
    if finished:
        sources.record(campaign, kinds.CAMPAIGN_SENT, by=audit.SYSTEM)
    return bool(finished)


def _put_away(campaign: Campaign, at: datetime | None, *, verb: str, by: Actor) -> bool:
    sources.lock(campaign)
    if campaign.state not in ARCHIVABLE:
        raise state.refusal(verb, CAMPAIGN_MOVES, state=campaign.state)
    if (campaign.archived_at is None) == (at is None):
        return False
    campaign.archived_at = at
    campaign.save(update_fields=["archived_at"])
    audit.record(campaign.workspace_id, f"campaign.{verb}d", by=by, on=campaign)
    return True


def _narrow(campaign: Campaign, narrowing: Mapping[str, Sequence[Any]]) -> None:
    for name, rows in narrowing.items():
        getattr(campaign, name).set(rows)


def _start(campaign: Campaign, *, by: Actor, **plan: Any) -> bool:
    if campaign.state in CAMPAIGN_MOVES["send"].sources:
        plan |= _freeze(campaign, by=by)
    started = sources.move(campaign, "send", CAMPAIGN_MOVES, kinds.CAMPAIGN_STARTED, by=by, **plan)
    if started:
        delivery.mirror(workspace=campaign.workspace, name=campaign.name, **campaign.source)
    return started


def _freeze(campaign: Campaign, *, by: Actor) -> dict[str, Any]:
    """What a campaign keeps while it sends, whatever becomes of its template and list."""
    last = audience.places(campaign).order_by("-id").values_list("id", flat=True).first()
    _check(campaign, empty=last is None)
    version = campaign.template_version or _freeze_content(campaign, by=by)
    return {"template_version": version, "fill_until": last, "started_at": clock.now()}


def _freeze_content(campaign: Campaign, *, by: Actor) -> TemplateVersion:
    _check(campaign, empty=not audience.places(campaign).exists())
    version = templates.publish(campaign.template, by=by, ways=[templates.WAY_OUT])
    variants.freeze(campaign, version, by=by)
    return version


def _has(campaign: Campaign, plan: Mapping[str, Any]) -> bool:
    return all(getattr(campaign, name) == value for name, value in plan.items())


def _check_time(campaign: Campaign, at: datetime, *, local_time: bool) -> datetime:
    """When a campaign that is scheduled for `at` starts. Raises Invalid when that is past."""
    zone, _ = localtime.zone_or(campaign.workspace.time_zone, localtime.UTC_ZONE)
    starts = timing.starts_at(at, zone=zone, local_time=local_time)
    if starts <= clock.now():
        where = " in the far east, where the day begins first" if local_time else ""
        raise Invalid.field("at", "past", f"This time is past{where}; choose a later one.")
    return starts


def _check(campaign: Campaign, *, empty: bool) -> None:
    problems = list(_problems(campaign, empty=empty))
    if problems:
        raise Invalid(problems)


def _problems(campaign: Campaign, *, empty: bool) -> Iterator[Problem]:
    if campaign.archived_at:
        yield Problem("", "archived", f"“{campaign}” is archived itself.")
    if campaign.template.archived_at:
        detail = f"The template “{campaign.template}” is archived; choose another one."
        yield Problem("/template", "archived", detail)
    if campaign.list.archived_at:
        detail = f"The list “{campaign.list}” is archived; choose another one."
        yield Problem("/list", "archived", detail)
    elif empty:
        detail = f"Nobody on “{campaign.list}” can be mailed; add people who have confirmed."
        left = {name: n for name, n in audience.count(campaign).left_out.items() if n}
        if left.keys() - {"not_confirmed", "archived", "suppressed"}:
            detail = f"Nobody is left: “{campaign.list}” has only people who are left out."
        yield Problem("/list", "empty", detail)
    for number, variant in enumerate(campaign.variants.select_related("template")):
        if variant.template and variant.template.archived_at:
            detail = f"The template “{variant.template}” is archived; choose another one."
            yield Problem(f"/variants/{number}/template", "archived", detail)
    for name in ("segments", "excluded_segments"):
        yield from _problems_of_segments(campaign, name)


def _problems_of_segments(campaign: Campaign, name: str) -> Iterator[Problem]:
    for segment in getattr(campaign, name).all():
        if segment.archived_at:
            detail = f"The segment “{segment}” is archived; choose another one."
            yield Problem(f"/{name}", "archived", detail)
        elif segment.state == SegmentState.BUILDING:
            detail = f"The segment “{segment}” is still being built; try again in a minute."
            yield Problem(f"/{name}", "building", detail)
