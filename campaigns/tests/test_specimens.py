from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from campaigns import services, variants
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory
from delivery.models import Outbox, Specimen
from subscribers.tests.factories import SubscriptionFactory
from templates_app.models import Template

pytestmark = pytest.mark.django_db


def test_every_variant_of_a_campaign_is_tried_before_and_after_it_is_frozen():
    campaign = CampaignFactory()
    variants.set_trial(
        campaign, variants=[variants.Other(subject="Other")], by=SYSTEM, expected_revision=1
    )
    SubscriptionFactory(list=campaign.list)
    api, path = Api(campaign.workspace), f"/campaigns/{campaign.public_id}"

    before = api("POST", f"{path}/test", {"to": ["a@x.example"]})
    draft = Specimen.objects.count()
    services.send(Campaign.objects.get(), by=SYSTEM)
    Template.objects.update(subject="Changed since")
    api("POST", f"{path}/test", {"to": ["a@x.example"]})

    assert (before.status_code, before.json(), draft) == (202, {"messages": 2}, 2)
    subjects = list(Specimen.objects.order_by("id").values_list("subject", flat=True))
    assert subjects == [*subjects[:2], *subjects[:2]]
    assert subjects[1] == "[Test] Other"
    assert "Changed" not in subjects[2]
    assert not Outbox.objects.exists()


def test_the_back_office_sends_it_to_whoever_asks():
    campaign = CampaignFactory()
    client = sign_in(role="Author", workspace=campaign.workspace)
    url = reverse("admin:campaigns_campaign_send_test", args=[campaign.pk])

    elsewhere = act(client, url, to="stranger@x.example")
    mine = act(client, url, to=client.user.email)

    assert "nobody of your team" in elsewhere.content.decode()
    assert is_done(mine)
    assert Specimen.objects.get().email == client.user.email
