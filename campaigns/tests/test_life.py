from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from analytics.numbers import Numbers, numbers
from analytics.recount import drift
from analytics.tests.factories import catch_up
from campaigns import services, tasks
from campaigns.progress import progress
from campaigns.tests.factories import CampaignFactory
from delivery import reaper
from delivery.tests.wire import Wire
from subscribers import services as people
from subscribers.tests.factories import make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_everybody_gets_it_once_but_who_left_while_it_was_paused(tmp_path):
    wire = Wire(tmp_path)
    campaign = CampaignFactory()
    *stays, leaves = make_audience(30, on=campaign.list)
    services.send(campaign, by=SYSTEM)
    tasks.fill()

    services.pause(campaign, by=SYSTEM)
    sent_while_paused = wire.send()
    people.unsubscribe(leaves, from_list=campaign.list, by=SYSTEM)
    services.resume(campaign, by=SYSTEM)
    wire.send()
    tasks.fill()
    catch_up()

    campaign.refresh_from_db()
    assert sent_while_paused == 0
    assert wire.recipients == sorted(person.email for person in stays)
    assert campaign.state == "sent"
    assert numbers("campaign", campaign.pk) == Numbers(sent=29, skipped=1)
    assert (progress(campaign).done, progress(campaign).queued) == (30, 0)
    assert drift() == []


def test_after_a_cancel_nobody_gets_it_and_everybody_has_an_outcome(tmp_path):
    wire = Wire(tmp_path)
    campaign = CampaignFactory()
    make_audience(5, on=campaign.list)
    services.send(campaign, by=SYSTEM)
    tasks.fill()

    services.cancel(campaign, by=SYSTEM)
    wire.send()
    reaper.reap()
    tasks.fill()
    catch_up()

    campaign.refresh_from_db()
    assert wire.recipients == []
    assert campaign.state == "cancelled"
    assert numbers("campaign", campaign.pk) == Numbers(skipped=5)
    assert drift() == []
