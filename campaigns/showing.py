"""Campaigns on the web: pages and a feed for anybody, which know nothing of anybody."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from campaigns import variants
from campaigns.models import Campaign
from campaigns.states import CAMPAIGN_MOVES, CampaignState
from delivery import sources
from emailseq.lib import clock, state
from templates_app import rendering, versions
from templates_app.rendering import Preview

SHOWABLE = (CampaignState.SENDING, CampaignState.PAUSED, CampaignState.SENT)


@transaction.atomic
def show(campaign: Campaign, *, by: Actor) -> bool:
    """Put a campaign on the web, as nobody in particular gets it. False when it is there.

    Raises StateConflict before it is sent.
    """
    sources.lock(campaign)
    if campaign.state not in SHOWABLE:
        raise state.refusal("show on the web", CAMPAIGN_MOVES, state=campaign.state)
    return _put(campaign, by=by, shown=True)


@transaction.atomic
def hide(campaign: Campaign, *, by: Actor) -> bool:
    """Take it off the web. False when it is not there."""
    sources.lock(campaign)
    return _put(campaign, by=by, shown=False)


def shown(workspace: Workspace) -> QuerySet[Campaign]:
    """What of a workspace is on the web, the latest first."""
    on_web = Campaign.objects.of(workspace).exclude(shown_at=None).exclude(started_at=None)
    return on_web.order_by("-started_at", "-id")


def page(campaign: Campaign) -> Preview:
    """What it says to whom nothing is known of; of an A/B test, the winner. Raises RenderError."""
    version = variants.won(campaign).template_version_id
    compiled = versions.compiled([version])[version]
    workspace = campaign.workspace
    about = {"name": workspace.name, "postal_address": workspace.postal_address}
    return rendering.preview(compiled, {"subscriber": {}, "workspace": about})


def url(campaign: Campaign) -> str:
    """Its address on the web; empty unless it is there."""
    if campaign.shown_at is None:
        return ""
    path = reverse("archived-campaign", args=[campaign.workspace.slug, campaign.public_id])
    return f"{settings.SITE_URL}{path}"


def _put(campaign: Campaign, *, by: Actor, shown: bool) -> bool:
    if (campaign.shown_at is not None) == shown:
        return False
    campaign.shown_at = clock.now() if shown else None
    campaign.save(update_fields=["shown_at"])
    verb = "campaign.shown" if shown else "campaign.hidden"
    audit.record(campaign.workspace_id, verb, by=by, on=campaign)
    return True
