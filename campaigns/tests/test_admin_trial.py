"""The pages on which somebody tests a campaign, looks at what stands in its way, and watches it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from campaigns import judging, services, tasks
from campaigns.models import Campaign, Trial
from campaigns.tests.factories import CampaignFactory, finish_messages
from campaigns.tests.pages import has_gone, press
from emailseq.lib import clock
from subscribers.models import Subscriber
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db

TERMS = {
    "sample_percent": 50,
    "metric": "click",
    "wait_minutes": 30,
    "minimum": 5,
    "otherwise": "ask",
}


@pytest.fixture
def client():
    return sign_in()


@pytest.fixture
def campaign(client):
    campaign = CampaignFactory(list=ListFactory(workspace=client.workspace))
    make_audience(40, on=campaign.list)
    return campaign


def url(campaign: Campaign, verb: str) -> str:
    return reverse(f"admin:campaigns_campaign_{verb}", args=[campaign.pk])


def test_a_test_is_set_up_run_and_decided_by_hand(client, campaign):
    wrong = act(client, url(campaign, "trial"), **TERMS, revision=1, subject_c="{{ oops")
    none = act(client, url(campaign, "trial"), **TERMS, revision=1)
    told = {**TERMS, "subject_b": "Winter is near", "revision": 1}
    assert not is_done(wrong)
    assert "1 to 4 variants" in none.content.decode()
    assert not Trial.objects.exists()
    assert is_done(act(client, url(campaign, "trial"), **told))
    assert 'value="Winter is near"' in client.get(url(campaign, "trial")).content.decode()
    assert "Winter is near" in client.get(url(campaign, "change")).content.decode()
    assert has_gone(press(client, campaign), campaign)
    tasks.fill()
    sampled = Campaign.objects.get().recipient_count
    finish_messages(campaign, *["sent"] * sampled)
    judging.judge_all()

    with clock.frozen(clock.now() + timedelta(minutes=31)):
        page = client.get(url(campaign, "change")).content.decode()
        assert "Not enough data" in page
        assert is_done(act(client, url(campaign, "choose_variant"), variant="b"))
        tasks.fill()
        page = client.get(url(campaign, "change")).content.decode()

    assert "Winner" in page
    assert f"{client.user.email} has decided." in page
    assert url(campaign, "choose_variant") not in page
    assert Campaign.objects.get().recipient_count == 40


def test_a_draft_is_sent_as_it_is_after_all(client, campaign):
    act(client, url(campaign, "trial"), **TERMS, revision=1, subject_b="Other")

    assert is_done(act(client, url(campaign, "remove_trial"), revision=2))

    assert not Trial.objects.exists()
    assert "A/B test</h2>" not in client.get(url(campaign, "change")).content.decode()


def test_its_page_asks_what_stands_in_its_way_and_begins_nothing(client, campaign):
    assert url(campaign, "checks") in client.get(url(campaign, "change")).content.decode()

    fragment = client.get(url(campaign, "checks")).content.decode()

    assert "No sending domain signs for" in fragment
    campaign.template.archived_at = clock.now()
    campaign.template.save(update_fields=["archived_at"])
    assert (
        "is archived; choose another one." in client.get(url(campaign, "checks")).content.decode()
    )
    assert Campaign.objects.get().state == "draft"
    assert sign_in().get(url(campaign, "checks")).status_code == 404
    operator = sign_in(role="Operator", workspace=client.workspace)
    assert operator.get(url(campaign, "checks")).status_code == 403


def test_it_says_when_the_first_and_the_last_get_it(client, campaign):
    zones = ["Pacific/Auckland", "Pacific/Honolulu", "Europe/Berlin", "nonsense"]
    for person, zone in zip(Subscriber.objects.order_by("id"), zones, strict=False):
        Subscriber.objects.filter(pk=person.pk).update(time_zone=zone)
    with clock.frozen(datetime(2026, 11, 1, tzinfo=UTC)):
        at = datetime(2026, 11, 26, 9, tzinfo=UTC)
        services.schedule(campaign, at=at, local_time=True, by=SYSTEM)
        said = client.get(url(campaign, "checks")).content.decode()

    assert "first Wed 25 Nov, 20:00 for Pacific/Auckland" in said
    assert "last Thu 26 Nov, 19:00 for Pacific/Honolulu" in said


def test_while_it_is_sent_it_says_how_fast_and_how_long(client, campaign):
    press(client, campaign)
    tasks.fill()
    finish_messages(campaign, *["sent"] * 10)

    fragment = client.get(url(campaign, "progress")).content.decode()

    assert "a minute" in fragment
    with clock.frozen(clock.now() + timedelta(minutes=3)):
        assert "a minute" not in client.get(url(campaign, "progress")).content.decode()
