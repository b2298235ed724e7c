from __future__ import annotations

import uuid

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from campaigns import engine, services, tasks
from campaigns.tests.factories import finish_messages, make_sending
from delivery.models import Outbox
from emailseq.lib import clock
from subscribers.models import Event

pytestmark = pytest.mark.django_db


def test_a_campaign_is_sent_when_the_last_message_has_its_outcome():
    campaign = make_sending(3)
    tasks.fill()
    finish_messages(campaign, "sent", "skipped")
    tasks.fill()
    campaign.refresh_from_db()
    before = campaign.state
    finish_messages(campaign, "failed")

    tasks.fill()
    tasks.fill()

    campaign.refresh_from_db()
    assert (before, campaign.state) == ("sending", "sent")
    assert campaign.ended_at is not None
    assert Event.objects.filter(kind="campaign.sent", source_id=campaign.pk).count() == 1
    assert AuditEntry.objects.get(verb="campaign.sent").actor_label == "emailseq"


def test_a_campaign_that_is_not_filled_is_not_sent():
    campaign = make_sending(3)
    engine.fill(2)
    finish_messages(campaign, "sent", "sent")

    assert engine.finish() == 0


def test_a_message_in_doubt_keeps_its_campaign_open():
    campaign = make_sending(2)
    engine.fill()
    finish_messages(campaign, "sent")
    Outbox.objects.update(doubt_at=clock.now(), lease_token=uuid.uuid4())

    assert engine.finish() == 0
    finish_messages(campaign, "sent")
    assert engine.finish() == 1


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_only_what_is_sending_is_called_sent(verb):
    campaign = make_sending(1)
    engine.fill()
    getattr(services, verb)(campaign, by=SYSTEM)
    finish_messages(campaign, "skipped")

    assert engine.finish() == 0


def test_what_was_sent_while_paused_is_called_sent_on_resume():
    campaign = make_sending(1)
    engine.fill()
    services.pause(campaign, by=SYSTEM)
    finish_messages(campaign, "sent")
    services.resume(campaign, by=SYSTEM)

    assert engine.finish() == 1


def test_messages_of_others_keep_nothing_open():
    done, open_ = make_sending(1), make_sending(1)
    engine.fill()
    finish_messages(done, "sent")

    assert engine.finish() == 1

    done.refresh_from_db()
    open_.refresh_from_db()
    assert (done.state, open_.state) == ("sent", "sending")
