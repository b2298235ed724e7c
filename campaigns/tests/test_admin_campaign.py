from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.tests.backoffice import act, is_done, sign_in
from campaigns import engine
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory
from campaigns.tests.pages import press
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db


def url(verb: str, campaign: Campaign) -> str:
    return reverse(f"admin:campaigns_campaign_{verb}", args=[campaign.pk])


def make_campaign(workspace, people: int = 0) -> Campaign:
    campaign = CampaignFactory(list=ListFactory(workspace=workspace, name="Newsletter"))
    make_audience(people, on=campaign.list)
    return campaign


def test_a_draft_is_made_and_changed():
    client = sign_in()
    other = make_campaign(client.workspace)
    parts = {part: getattr(other, f"{part}_id") for part in ("list", "template", "sender")}

    create = reverse("admin:campaigns_campaign_create")
    assert is_done(act(client, create, name="December", **parts))
    campaign = Campaign.objects.exclude(pk=other.pk).get()
    fields = {**parts, "name": "Advent", "revision": campaign.revision}
    assert is_done(act(client, url("update", campaign), **fields))
    again = act(client, url("update", campaign), **fields)

    assert "Somebody else has changed" in again.content.decode()
    campaign.refresh_from_db()
    assert (campaign.name, campaign.state, campaign.list) == ("Advent", "draft", other.list)


def test_its_page_offers_what_its_state_allows():
    client = sign_in()
    campaign = make_campaign(client.workspace, 1)

    def offered() -> list[str]:
        page = client.get(url("change", campaign)).content.decode()
        verbs = ("review", "unschedule", "update", "pause", "resume", "cancel")
        return [verb for verb in verbs if f'href="{url(verb, campaign)}"' in page]

    assert offered() == ["review", "update"]
    press(client, campaign)
    assert offered() == ["pause", "cancel"]
    act(client, url("pause", campaign))
    assert offered() == ["resume", "cancel"]
    act(client, url("resume", campaign))
    assert offered() == ["pause", "cancel"]
    act(client, url("cancel", campaign))
    assert offered() == []
    campaign.refresh_from_db()
    assert campaign.state == "cancelled"


def test_its_page_asks_how_far_it_is_until_it_is_done():
    client = sign_in()
    campaign = make_campaign(client.workspace, 2)
    press(client, campaign)
    engine.fill()

    page = client.get(url("change", campaign)).content.decode()
    running = client.get(url("progress", campaign))

    assert f'hx-get="{url("progress", campaign)}"' in page
    assert running.status_code == 200
    assert "0 of 2" in running.content.decode()
    act(client, url("cancel", campaign))
    ended = client.get(url("progress", campaign))
    assert (ended.status_code, ended.headers["HX-Refresh"]) == (286, "true")
    assert "every 2s" not in client.get(url("change", campaign)).content.decode()
    stranger = sign_in()
    assert stranger.get(url("progress", campaign)).status_code == 404
    assert sign_in(role="Operator").get(url("progress", campaign)).status_code == 403
