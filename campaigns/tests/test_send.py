from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from accounts.audit import SYSTEM, Actor
from accounts.models import AuditEntry
from analytics.tests.factories import in_a_session_of_its_own
from campaigns import engine, services
from campaigns.models import Campaign
from campaigns.tests.factories import (
    CampaignFactory,
    finish_messages,
    make_sending,
    queued,
)
from delivery.models import Outbox, Source
from emailseq.lib import clock
from emailseq.lib.errors import Invalid, StateConflict
from subscribers import services as people
from subscribers.models import Event
from subscribers.tests.factories import SubscriptionFactory, make_audience

pytestmark = pytest.mark.django_db

ADA = Actor("user", 1, "ada@example.com")


def happened(campaign) -> list[str]:
    """The kinds of the events of a campaign, which the audit trail must know too."""
    kinds = Event.objects.filter(source_kind="campaign", source_id=campaign.pk).order_by("id")
    audited = AuditEntry.objects.filter(object_kind="campaign", object_id=campaign.pk)
    recorded = list(kinds.filter(kind__startswith="campaign.").values_list("kind", flat=True))
    assert recorded == list(audited.order_by("id").values_list("verb", flat=True))
    return recorded


def test_sending_freezes_the_content_and_the_audience():
    campaign = CampaignFactory()
    (ada,) = make_audience(1, on=campaign.list)

    assert services.send(campaign, by=ADA) is True

    assert campaign.state == "sending"
    assert campaign.started_at is not None
    assert campaign.template_version.template == campaign.template
    assert campaign.fill_until == ada.subscriptions.get().pk
    source = Source.objects.get(kind="campaign", source_id=campaign.pk)
    assert (source.name, source.held, source.workspace) == (
        "November news",
        False,
        campaign.workspace,
    )
    assert happened(campaign) == ["campaign.started"]
    assert AuditEntry.objects.get(verb="campaign.started").actor_label == "ada@example.com"


def test_who_joins_after_the_start_gets_nothing():
    campaign = CampaignFactory()
    (ada,) = make_audience(1, on=campaign.list)
    services.send(campaign, by=ADA)

    make_audience(1, on=campaign.list)
    engine.fill()

    assert queued(campaign) == [ada.pk]


def test_a_second_press_changes_nothing():
    campaign = make_sending(1)
    before = Campaign.objects.values().get()

    assert services.send(campaign, by=ADA) is False

    assert Campaign.objects.values().get() == before
    assert happened(campaign) == ["campaign.started"]


def test_a_campaign_to_nobody_is_refused():
    campaign = CampaignFactory(list__name="Insiders")
    SubscriptionFactory(list=campaign.list, state="pending")
    SubscriptionFactory(list=campaign.list, state="unsubscribed")
    SubscriptionFactory(list=campaign.list, subscriber__archived_at=clock.now())
    stopped = SubscriptionFactory(list=campaign.list).subscriber
    people.suppress(stopped.workspace, email=stopped.email, reason="manual", by=ADA)

    with pytest.raises(Invalid) as refusal:
        services.send(campaign, by=ADA)

    (problem,) = refusal.value.errors
    assert (problem.pointer, problem.code) == ("/list", "empty")
    assert "Insiders" in problem.detail
    assert Campaign.objects.get().state == "draft"
    assert not Source.objects.exists()
    assert happened(campaign) == []


def test_an_archived_template_or_list_is_refused():
    campaign = CampaignFactory(template__archived_at=clock.now(), list__archived_at=clock.now())
    make_audience(1, on=campaign.list)

    with pytest.raises(Invalid) as refusal:
        services.send(campaign, by=ADA)

    assert [(problem.pointer, problem.code) for problem in refusal.value.errors] == [
        ("/template", "archived"),
        ("/list", "archived"),
    ]
    assert Campaign.objects.get().state == campaign.state == "draft"


def test_a_pause_holds_the_source_and_a_resume_lets_it_go():
    campaign = make_sending(1)

    assert services.pause(campaign, by=ADA) is True
    assert services.pause(campaign, by=ADA) is False
    held = Source.objects.get().held
    assert services.resume(campaign, by=ADA) is True
    assert services.resume(campaign, by=ADA) is False

    assert held is True
    assert Source.objects.get().held is False
    assert happened(campaign) == ["campaign.started", "campaign.paused", "campaign.resumed"]


@pytest.mark.parametrize("paused", [False, True])
def test_a_cancel_stops_whoever_is_left(paused):
    campaign = make_sending(3)
    engine.fill()
    finish_messages(campaign, "sent")
    if paused:
        services.pause(campaign, by=ADA)

    assert services.cancel(campaign, by=ADA) is True
    assert services.cancel(campaign, by=ADA) is False

    assert Outbox.objects.exclude(cancelled_at=None).count() == 2
    assert Outbox.objects.filter(cancelled_at=None).count() == 0
    assert campaign.ended_at is not None
    assert happened(campaign)[-1] == "campaign.cancelled"


@pytest.mark.parametrize(
    ("verbs", "refused", "allowed"),
    [
        ([], "pause", ["update", "schedule", "send"]),
        ([], "resume", ["update", "schedule", "send"]),
        ([], "cancel", ["update", "schedule", "send"]),
        (["send", "pause"], "send", ["resume", "cancel"]),
        (["send", "cancel"], "send", []),
        (["send", "cancel"], "pause", []),
        (["send", "cancel"], "resume", []),
    ],
)
def test_a_verb_at_the_wrong_time_is_refused(verbs, refused, allowed):
    campaign = CampaignFactory()
    make_audience(1, on=campaign.list)
    for verb in verbs:
        getattr(services, verb)(campaign, by=ADA)
    before = happened(campaign)

    with pytest.raises(StateConflict) as refusal:
        getattr(services, refused)(campaign, by=ADA)

    assert refusal.value.allowed == allowed
    assert happened(campaign) == before


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_people_who_press_send_at_once_start_it_once():
    campaign = CampaignFactory()
    make_audience(3, on=campaign.list)
    together = Barrier(2)

    @in_a_session_of_its_own
    def press(_):
        mine = Campaign.objects.get(pk=campaign.pk)
        together.wait(timeout=10)
        return services.send(mine, by=SYSTEM)

    with ThreadPoolExecutor(2) as pool:
        pressed = list(pool.map(press, range(2)))

    assert sorted(pressed) == [False, True]
    assert happened(campaign) == ["campaign.started"]
    assert campaign.template.versions.count() == 1
