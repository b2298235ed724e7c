"""A campaign that does harm stops by itself, and says why."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import sign_in
from analytics.recount import drift
from analytics.tests.factories import catch_up
from campaigns import services, tasks
from campaigns.tests.factories import CampaignFactory
from delivery.models import SendLedger
from delivery.tests.wire import Wire
from subscribers.models import Event, Subscriber
from subscribers.tests.factories import make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_a_campaign_that_bounces_is_paused_with_the_servers_words(tmp_path):
    wire, client = Wire(tmp_path), sign_in()
    campaign = CampaignFactory(list__workspace=client.workspace)
    audience = make_audience(300, on=campaign.list)
    for person in audience[:40]:
        person.email = person.email.replace("@", "+f_rcpt_550@")
    Subscriber.objects.bulk_update(audience[:40], ["email"])
    services.send(campaign, by=SYSTEM)
    tasks.fill()

    assert tasks.brake() == 0
    assert wire.send(seconds=1.5) == 260
    catch_up()
    assert tasks.brake() == 1
    assert tasks.brake() == 0

    campaign.refresh_from_db()
    assert campaign.state == "paused"
    why = "13.3 % of 300 messages bounced: more than 5 %. Mostly: 550 5.1.1 As told"
    assert Event.objects.get(kind="campaign.paused").properties == {"by": "system", "reason": why}
    page = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    assert why in client.get(page).content.decode()
    assert SendLedger.objects.filter(outcome="failed").count() == 40
    assert drift() == []

    services.resume(campaign, by=SYSTEM)
    assert tasks.brake() == 0
    assert why not in client.get(page).content.decode()


def test_a_campaign_that_nobody_can_render_is_paused(tmp_path):
    wire = Wire(tmp_path)
    campaign = CampaignFactory(
        template__text="{% for i in (1..900) %}{% for j in (1..900) %}x{% endfor %}{% endfor %}"
        "{{ links.unsubscribe }} {{ workspace.postal_address }}"
    )
    make_audience(50, on=campaign.list)
    services.send(campaign, by=SYSTEM)
    tasks.fill()

    assert wire.send(seconds=2) == 0
    catch_up()
    assert tasks.brake() == 1

    campaign.refresh_from_db()
    assert campaign.state == "paused"
    assert wire.journal == []
