from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from django.db import transaction

from accounts.audit import SYSTEM
from analytics.tests.factories import in_a_session_of_its_own
from campaigns import engine, services
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory, finish_messages, make_sending, queued
from delivery.models import Outbox, Source
from emailseq.lib import clock
from subscribers import services as people
from subscribers.tests.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db


def cursor_of(campaign) -> tuple[int, int, bool]:
    campaign.refresh_from_db()
    return campaign.fill_cursor, campaign.recipient_count, campaign.filled_at is not None


def test_everybody_who_may_be_mailed_is_queued_once():
    campaign = CampaignFactory()
    first = SubscriptionFactory(list=campaign.list).subscriber
    SubscriptionFactory(list=campaign.list, state="pending")
    SubscriptionFactory(list=campaign.list, state="unsubscribed")
    SubscriptionFactory(list=campaign.list, subscriber__archived_at=clock.now())
    SubscriptionFactory(list__workspace=campaign.workspace)
    stopped = SubscriptionFactory(list=campaign.list).subscriber
    last = SubscriptionFactory(list=campaign.list).subscriber
    people.suppress(stopped.workspace, email=stopped.email, reason="manual", by=SYSTEM)
    elsewhere = SubscriptionFactory().subscriber.workspace
    people.suppress(elsewhere, email=first.email, reason="manual", by=SYSTEM)
    services.send(campaign, by=SYSTEM)

    assert engine.fill() == 2
    assert engine.fill() == 0

    assert queued(campaign) == [first.pk, last.pk]
    assert cursor_of(campaign) == (campaign.fill_until, 2, True)


def test_a_message_carries_what_the_campaign_has_frozen():
    campaign = make_sending(1)
    version = campaign.template_version_id

    with clock.frozen(clock.now()):
        engine.fill()
        now = clock.now()

    message = Outbox.objects.get()
    assert (message.workspace_id, message.list_id) == (campaign.workspace_id, campaign.list_id)
    assert (message.template_version_id, message.sender_id) == (version, campaign.sender_id)
    assert (message.step_key, message.run, message.run_at) == ("", 0, now)


@pytest.mark.parametrize(("people", "pages"), [(5, [2, 2, 1, 0]), (4, [2, 2, 0, 0])])
def test_pages_follow_each_other(people, pages):
    campaign = make_sending(people)

    assert [engine.fill(2) for _ in pages] == pages

    assert len(set(queued(campaign))) == len(queued(campaign)) == people
    assert cursor_of(campaign) == (campaign.fill_until, people, True)


def test_each_campaign_gets_its_page():
    campaigns = [make_sending(3), make_sending(1)]

    assert engine.fill(2) == 3

    assert [len(queued(campaign)) for campaign in campaigns] == [2, 1]


def test_a_message_that_is_done_is_not_queued_again():
    campaign = make_sending(3)
    engine.fill(2)
    finish_messages(campaign, "sent", "failed")

    engine.fill(2)

    assert len(queued(campaign)) == 1
    assert cursor_of(campaign) == (campaign.fill_until, 3, True)


def test_a_full_outbox_is_left_to_empty_itself(monkeypatch):
    monkeypatch.setattr(engine, "BACKLOG", 3)
    campaign = make_sending(6)

    assert [engine.fill(2) for _ in range(3)] == [2, 2, 0]
    finish_messages(campaign, "sent")

    assert engine.fill(2) == 2


def test_only_what_is_sending_is_filled():
    campaign = make_sending(4)
    engine.fill(2)

    services.pause(campaign, by=SYSTEM)
    while_paused = engine.fill(1)
    services.resume(campaign, by=SYSTEM)
    resumed = engine.fill(1)
    services.cancel(campaign, by=SYSTEM)
    cancelled = engine.fill(1)

    assert (while_paused, resumed, cancelled) == (0, 1, 0)
    assert campaign.filled_at is None


@pytest.mark.parametrize("people", [1, 60])
def test_a_page_costs_the_same_whatever_its_size(people, django_assert_num_queries):
    make_sending(people)

    # clock, campaigns · savepoint, lock, backlog, test, what narrows it (4), audience, outbox,
    # cursor, release
    with django_assert_num_queries(14):
        engine.fill()


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_fills_at_once_queue_everybody_once():
    campaign = make_sending(200)
    together = Barrier(2)

    @in_a_session_of_its_own
    def work(_):
        together.wait(timeout=10)
        share = 0
        while Campaign.objects.to_fill().exists():
            share += engine.fill(5)
        return share

    with ThreadPoolExecutor(2) as pool:
        shares = list(pool.map(work, range(2)))

    assert sum(shares) == 200
    assert len(set(queued(campaign))) == len(queued(campaign)) == 200
    assert cursor_of(campaign) == (campaign.fill_until, 200, True)


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_kill_costs_the_page_and_nothing_else():
    campaign = make_sending(5)
    engine.fill(2)
    before = cursor_of(campaign)

    with transaction.atomic():
        engine.fill(2)
        transaction.set_rollback(True)

    assert (len(queued(campaign)), cursor_of(campaign)) == (2, before)
    assert [engine.fill(2) for _ in range(2)] == [2, 1]
    assert len(set(queued(campaign))) == len(queued(campaign)) == 5


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_pause_during_a_page_ends_the_fill_after_it():
    campaign = make_sending(6)
    pausing = Event()

    @in_a_session_of_its_own
    def pause():
        pausing.set()
        return services.pause(Campaign.objects.get(pk=campaign.pk), by=SYSTEM)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            engine.fill(2)
            paused = pool.submit(pause)
            pausing.wait(timeout=10)
            with pytest.raises(TimeoutError):
                paused.result(timeout=0.2)  # it waits for the page
        assert paused.result(timeout=10) is True

    assert engine.fill(2) == 0
    assert cursor_of(campaign)[1:] == (2, False)
    assert len(queued(campaign)) == 2
    assert Source.objects.get().held is True


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_cancel_during_a_page_reaches_that_page_too():
    campaign = make_sending(6)

    @in_a_session_of_its_own
    def cancel():
        return services.cancel(Campaign.objects.get(pk=campaign.pk), by=SYSTEM)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            engine.fill(2)
            cancelled = pool.submit(cancel)
            with pytest.raises(TimeoutError):
                cancelled.result(timeout=0.2)
        assert cancelled.result(timeout=10) is True

    assert Outbox.objects.exclude(cancelled_at=None).count() == 2
    assert engine.fill(2) == 0
