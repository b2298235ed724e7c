"""How somebody sends a campaign in the back office."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.tests.backoffice import act
from campaigns import audience
from campaigns.models import Campaign

_TICKS = re.compile(r'name="seen" value="(\w+)"')


def page_of(campaign: Campaign, name: str = "review") -> str:
    return reverse(f"admin:campaigns_campaign_{name}", args=[campaign.pk])


def ticks(client: Client, campaign: Campaign) -> list[str]:
    """What is to be ticked before it is sent."""
    return _TICKS.findall(client.get(f"{page_of(campaign, 'checks')}?tick=1").content.decode())


def press(client: Client, campaign: Campaign, **fields: Any) -> HttpResponse:
    """Tick everything on the page of a review, and press its button."""
    people = audience.count(campaign).recipients
    given = {"when": "now", "expected_recipients": people, "seen": ticks(client, campaign)}
    return act(client, page_of(campaign), **{**given, **fields})


def has_gone(response: HttpResponse, campaign: Campaign) -> bool:
    """Whether the button led back to the page of the campaign."""
    return response.status_code == 302 and response.url == page_of(campaign, "change")
