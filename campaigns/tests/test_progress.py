from __future__ import annotations

import uuid

import pytest

from analytics.tests.factories import catch_up
from campaigns import engine
from campaigns.progress import Progress, progress, progress_by_campaign
from campaigns.tests.factories import CampaignFactory, finish_messages, make_sending
from delivery.models import Outbox
from emailseq.lib import clock

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_everybody_is_in_one_place():
    campaign = make_sending(8)
    engine.fill()
    finish_messages(campaign, "sent", "sent", "sent", "skipped", "skipped", "failed")
    in_doubt = Outbox.objects.filter(pk=Outbox.objects.earliest("id").pk)
    in_doubt.update(doubt_at=clock.now(), lease_token=uuid.uuid4())
    catch_up()
    campaign.refresh_from_db()

    place = progress(campaign)

    assert place == Progress(recipients=8, sent=3, skipped=2, failed=1, in_doubt=1)
    assert (place.done, place.queued) == (7, 1)


def test_what_is_not_counted_yet_is_still_queued():
    campaign = make_sending(2)
    engine.fill()
    finish_messages(campaign, "sent")
    campaign.refresh_from_db()

    assert progress(campaign).queued == 2


def test_a_draft_has_gone_nowhere():
    place = progress(CampaignFactory())

    assert place == Progress(recipients=0, sent=0, skipped=0, failed=0, in_doubt=0)
    assert place.queued == 0


def test_a_page_of_campaigns_costs_two_queries(django_assert_num_queries):
    campaigns = [make_sending(people) for people in (1, 2, 3)]
    engine.fill()
    for campaign in campaigns:
        finish_messages(campaign, "sent")
        campaign.refresh_from_db()
    catch_up()

    with django_assert_num_queries(2):
        places = progress_by_campaign(campaigns)

    assert [places[campaign.pk].queued for campaign in campaigns] == [0, 1, 2]
