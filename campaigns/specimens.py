"""Test sends of a campaign: each variant, as it is frozen, or as it would be sent now."""

from __future__ import annotations

from typing import Any

from accounts.audit import Actor
from campaigns import variants
from campaigns.models import Campaign
from delivery.services import specimens
from delivery.services.specimens import Said, Whom
from templates_app import versions


def try_campaign(campaign: Campaign, *, by: Actor, **whom: Any) -> int:
    """Send a campaign as a test, each variant of it; how many messages. Raises Invalid."""
    return specimens.send_test(campaign, _said(campaign), Whom(**whom), by=by)


def _said(campaign: Campaign) -> list[Said]:
    meanings = variants.described(campaign)
    if campaign.template_version_id is None:
        return [
            Said(specimens.compiled(each.template, subject=each.subject), each.sender)
            for each in meanings.values()
        ]
    frozen = variants.contents(campaign)
    found = versions.compiled([each.template_version_id for each in frozen.values()])
    return [
        Said(found[frozen[key].template_version_id], each.sender) for key, each in meanings.items()
    ]
