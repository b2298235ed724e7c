"""The verbs of campaigns. Each one runs in one transaction with its event and its audit entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from campaigns import kinds
from campaigns.models import Campaign
from campaigns.states import CAMPAIGN_MOVES, CampaignState
from delivery import services as delivery
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.lib import clock, state, text
from emailseq.lib.errors import Invalid, Problem, Stale
from subscribers import events
from subscribers.events import NewEvent
from subscribers.models import List
from templates_app import services as templates
from templates_app.models import Template


@transaction.atomic
def create_campaign(
    workspace: Workspace,
    *,
    name: str,
    list: List,  # noqa: A002 - the word of the field
    template: Template,
    sender: SenderIdentity,
    by: Actor,
) -> Campaign:
    """Make a draft. Raises Invalid for a name that cannot be stored."""
    text.check(name=name)
    campaign = Campaign.objects.create(
        workspace=workspace, name=name, list=list, template=template, sender=sender
    )
    audit.record(workspace, "campaign.created", by=by, on=campaign)
    return campaign


@transaction.atomic
def update_campaign(
    campaign: Campaign, *, by: Actor, expected_revision: int, **changes: Any
) -> Campaign:
    """Change the name, list, template or sender of a draft.

    Raises Stale when somebody changed it after `expected_revision`, StateConflict once it is sent.
    """
    text.check(name=changes.get("name", ""))
    _open(campaign, expected_revision)
    state.move_one(campaign, "update", CAMPAIGN_MOVES, **changes, revision=expected_revision + 1)
    named = {name: str(value) for name, value in changes.items()}
    audit.record(campaign.workspace_id, "campaign.updated", by=by, on=campaign, changes=named)
    return campaign


@transaction.atomic
def delete_campaign(campaign: Campaign, *, by: Actor, expected_revision: int) -> None:
    """Remove a draft for good. Raises Stale, and StateConflict once it is sent."""
    _open(campaign, expected_revision)
    if campaign.state != CampaignState.DRAFT:
        raise state.refusal("delete", CAMPAIGN_MOVES, state=campaign.state)
    audit.record(campaign.workspace_id, "campaign.deleted", by=by, on=campaign)
    campaign.delete()


@transaction.atomic
def send(campaign: Campaign, *, by: Actor) -> bool:
    """Freeze the content and the audience, and begin to send. False when somebody else just did.

    Raises Invalid when the template or list is archived, the template cannot be published or
    nobody would get the campaign; StateConflict when it is past sending.
    """
    _lock(campaign)  # two who press the button take turns, and the second finds it sending
    frozen = _freeze(campaign, by=by) if campaign.state == CampaignState.DRAFT else {}
    started = _move(campaign, "send", kinds.CAMPAIGN_STARTED, by=by, **frozen)
    if started:
        delivery.mirror(
            workspace=campaign.workspace,
            kind=SourceKind.CAMPAIGN,
            source_id=campaign.pk,
            name=campaign.name,
        )
    return started


@transaction.atomic
def pause(campaign: Campaign, *, by: Actor) -> bool:
    """Let nothing leave that is not on the wire yet. False when it was paused already."""
    paused = _move(campaign, "pause", kinds.CAMPAIGN_PAUSED, by=by)
    if paused:
        delivery.hold(kind=SourceKind.CAMPAIGN, source_id=campaign.pk)
    return paused


@transaction.atomic
def resume(campaign: Campaign, *, by: Actor) -> bool:
    """Go on where a pause stopped. False when it is sending already."""
    resumed = _move(campaign, "resume", kinds.CAMPAIGN_RESUMED, by=by)
    if resumed:
        delivery.release(kind=SourceKind.CAMPAIGN, source_id=campaign.pk)
    return resumed


@transaction.atomic
def cancel(campaign: Campaign, *, by: Actor) -> bool:
    """End it for all whose message is not on the wire yet. False when it was cancelled already."""
    cancelled = _move(campaign, "cancel", kinds.CAMPAIGN_CANCELLED, by=by, ended_at=clock.now())
    if cancelled:
        delivery.cancel(kind=SourceKind.CAMPAIGN, source_id=campaign.pk)
    return cancelled


@transaction.atomic
def finish(campaign: Campaign) -> bool:
    """Call a campaign sent, once every recipient has an outcome."""
    return _move(campaign, "finish", kinds.CAMPAIGN_SENT, by=audit.SYSTEM, ended_at=clock.now())


def _lock(campaign: Campaign) -> None:
    campaign.refresh_from_db(from_queryset=Campaign.objects.select_for_update(no_key=True))


def _open(campaign: Campaign, expected_revision: int) -> None:
    _lock(campaign)
    if campaign.state == CampaignState.DRAFT and campaign.revision != expected_revision:
        raise Stale(f"Somebody else changed “{campaign}”; look at it again.")


def _freeze(campaign: Campaign, *, by: Actor) -> dict[str, Any]:
    """What a campaign keeps while it sends, whatever becomes of its template and list."""
    last = campaign.audience().order_by("-id").values_list("id", flat=True).first()
    problems = list(_problems(campaign, empty=last is None))
    if problems:
        raise Invalid(problems)
    return {
        "template_version": templates.publish(campaign.template, by=by),
        "fill_until": last,
        "started_at": clock.now(),
    }


def _problems(campaign: Campaign, *, empty: bool) -> Iterator[Problem]:
    if campaign.template.archived_at:
        detail = f"The template “{campaign.template}” is archived; choose another one."
        yield Problem("/template", "archived", detail)
    if campaign.list.archived_at:
        detail = f"The list “{campaign.list}” is archived; choose another one."
        yield Problem("/list", "archived", detail)
    elif empty:
        detail = f"Nobody on “{campaign.list}” can be mailed; add people who have confirmed."
        yield Problem("/list", "empty", detail)


def _move(campaign: Campaign, verb: str, kind: str, *, by: Actor, **changes: Any) -> bool:
    """Move the campaign's state and, if it moved, put that on record."""
    moved = state.move_one(campaign, verb, CAMPAIGN_MOVES, **changes)
    if moved:
        event = NewEvent(
            campaign.workspace_id,
            None,
            kind,
            clock.now(),
            SourceKind.CAMPAIGN,
            campaign.pk,
            properties={"by": by.kind},
        )
        events.record_many([event])
        audit.record(campaign.workspace_id, kind, by=by, on=campaign)
    return moved
