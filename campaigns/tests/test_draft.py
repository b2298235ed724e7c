from __future__ import annotations

import pytest

from accounts.audit import SYSTEM, Actor
from accounts.models import AuditEntry
from accounts.tests.factories import WorkspaceFactory
from campaigns import services
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory, make_sending
from delivery.tests.factories import SenderFactory
from emailseq.lib.errors import Invalid, Stale, StateConflict
from subscribers.tests.factories import ListFactory
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

ADA = Actor("user", 1, "ada@example.com")


def test_a_campaign_begins_as_a_draft_that_goes_to_nobody():
    workspace = WorkspaceFactory()
    news = ListFactory(workspace=workspace)

    campaign = services.create_campaign(
        workspace,
        name="November news",
        list=news,
        template=TemplateFactory(workspace=workspace),
        sender=SenderFactory(workspace=workspace),
        by=ADA,
    )

    assert (campaign.state, campaign.revision, campaign.recipient_count) == ("draft", 1, 0)
    assert campaign.public_id.startswith("cmp_")
    entry = AuditEntry.objects.get(workspace=workspace)
    assert (entry.verb, entry.actor_label) == ("campaign.created", "ada@example.com")


def test_a_change_makes_a_new_revision():
    campaign = CampaignFactory()
    other = ListFactory(workspace=campaign.workspace, name="Insiders")

    services.update_campaign(campaign, by=ADA, expected_revision=1, name="News", list=other)

    assert (campaign.name, campaign.list, campaign.revision) == ("News", other, 2)
    entry = AuditEntry.objects.get(verb="campaign.updated")
    assert entry.changes == {"name": "News", "list": "Insiders"}


def test_the_second_of_two_editors_is_told():
    campaign = CampaignFactory()
    same = Campaign.objects.get()
    services.update_campaign(campaign, by=ADA, expected_revision=1, name="Ada's")

    with pytest.raises(Stale):
        services.update_campaign(same, by=SYSTEM, expected_revision=1, name="Bob's")

    assert Campaign.objects.get().name == "Ada's"
    assert AuditEntry.objects.filter(verb="campaign.updated").count() == 1


def test_what_is_sent_does_not_change():
    campaign = make_sending(1)

    with pytest.raises(StateConflict) as refusal:
        services.update_campaign(campaign, by=ADA, expected_revision=1, name="Too late")

    assert refusal.value.allowed == ["pause", "cancel"]
    assert Campaign.objects.get().name == "November news"


def test_a_name_that_cannot_be_stored_is_refused():
    campaign = CampaignFactory()

    with pytest.raises(Invalid, match="NUL"):
        services.update_campaign(campaign, by=ADA, expected_revision=1, name="a\0b")

    assert Campaign.objects.get().revision == 1
