"""Verbs that make a campaign of another one."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from campaigns import services, variants
from campaigns.models import Campaign
from campaigns.states import CAMPAIGN_MOVES, CampaignState
from delivery import sources
from emailseq.lib import state
from emailseq.lib.errors import Conflict

LONGEST = 100  # of a name


@transaction.atomic
def duplicate(campaign: Campaign, *, by: Actor, called: str = "copy") -> Campaign:
    """Make a draft with the same audience, template, sender and A/B test.

    `called` tells its name from that of the other.
    """
    made = services.create_campaign(
        campaign.workspace,
        name=_named(campaign, called),
        list=campaign.list,
        template=campaign.template,
        sender=campaign.sender,
        by=by,
        **{name: list(getattr(campaign, name).all()) for name in services.NARROWING},
    )
    if tried := variants.copied(campaign):
        others, terms = tried
        variants.set_trial(made, variants=others, by=by, expected_revision=made.revision, **terms)
        made.refresh_from_db()
    return made


@transaction.atomic
def finish_rest(campaign: Campaign, *, by: Actor) -> Campaign:
    """Send the same content, by a campaign of its own, to exactly those whom it failed to reach;
    after an A/B test the winner, to all of them.

    Whoever cannot be mailed any more is not among them. Raises StateConflict until the campaign is
    sent, Conflict when that was done before, Invalid when nobody is left.
    """
    sources.lock(campaign)
    if campaign.state != CampaignState.SENT:
        raise state.refusal("finish the rest", CAMPAIGN_MOVES, state=campaign.state)
    if done := Campaign.objects.filter(rest_of=campaign).first():
        raise Conflict(f"“{done}” does that already.")
    content = variants.won(campaign)
    rest = Campaign.objects.create(
        workspace=campaign.workspace,
        name=_named(campaign, "the rest"),
        list=campaign.list,
        template=campaign.template,
        rest_of=campaign,
        **content._asdict(),
    )
    audit.record(
        campaign.workspace_id, "campaign.rest_begun", by=by, on=campaign, changes={"by": str(rest)}
    )
    services.send(rest, by=by)
    return rest


@transaction.atomic
def resend(campaign: Campaign, *, to: str, by: Actor) -> Campaign:
    """Make a draft to those who have got a campaign and paid it no attention, `Ignored` says which.

    Who opens or clicks before it is sent does not get it. Raises StateConflict until it is sent.
    """
    sources.lock(campaign)
    if campaign.state != CampaignState.SENT:
        raise state.refusal("resend", CAMPAIGN_MOVES, state=campaign.state)
    again = services.create_campaign(
        campaign.workspace,
        name=_named(campaign, "again"),
        list=campaign.list,
        template=campaign.template,
        sender=campaign.sender,
        by=by,
    )
    again.resend_of, again.resend_to = campaign, to
    again.save(update_fields=["resend_of", "resend_to"])
    return again


def _named(campaign: Campaign, what: str) -> str:
    suffix = f" ({what})"
    return campaign.name[: LONGEST - len(suffix)] + suffix
