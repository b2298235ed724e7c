from __future__ import annotations

import uuid

import factory

from accounts.audit import SYSTEM
from campaigns import services
from campaigns.models import Campaign
from delivery import services as delivery
from delivery.models import Outbox
from delivery.tests.factories import SenderFactory
from subscribers.tests.factories import ListFactory, make_audience
from templates_app.tests.factories import TemplateFactory


class CampaignFactory(factory.django.DjangoModelFactory):
    """A draft; its list, template and sender are of one workspace."""

    class Meta:
        model = Campaign

    workspace = factory.SelfAttribute("list.workspace")
    name = "November news"
    list = factory.SubFactory(ListFactory)
    template = factory.SubFactory(
        TemplateFactory, workspace=factory.SelfAttribute("..list.workspace")
    )
    sender = factory.SubFactory(SenderFactory, workspace=factory.SelfAttribute("..list.workspace"))


def make_sending(people: int) -> Campaign:
    """A campaign that was just sent to so many people; nobody is in the outbox yet."""
    campaign = CampaignFactory()
    make_audience(people, on=campaign.list)
    assert services.send(campaign, by=SYSTEM)
    return campaign


def queued(campaign: Campaign) -> list[int]:
    """The subscribers in the outbox, in the order in which they got there."""
    rows = Outbox.objects.filter(kind="campaign", source_id=campaign.pk).order_by("id")
    return list(rows.values_list("subscriber_id", flat=True))


def finish_messages(campaign: Campaign, *outcomes: str) -> None:
    """Give the first messages in the outbox these outcomes, as a pump that leased them does."""
    rows = Outbox.objects.filter(kind="campaign", source_id=campaign.pk).order_by("id")
    leased = list(rows.values_list("id", flat=True)[: len(outcomes)])
    token = uuid.uuid4()
    Outbox.objects.filter(pk__in=leased).update(lease_token=token)
    results = zip(leased, outcomes, strict=True)
    delivery.finish([(pk, outcome, "", "") for pk, outcome in results], token=token)
