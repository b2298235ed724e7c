from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from campaigns import engine, tasks
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory, finish_messages, make_sending, queued
from campaigns.tests.pages import press
from delivery.models import SendLedger
from emailseq.lib import clock
from subscribers import services as people
from subscribers.models import Subscriber
from subscribers.tests.factories import ListFactory, make_audience
from templates_app import services as templates

pytestmark = pytest.mark.django_db


def make_sent(*outcomes: str) -> tuple[Campaign, list[int]]:
    campaign = make_sending(len(outcomes))
    engine.fill()
    recipients = queued(campaign)
    finish_messages(campaign, *outcomes)
    assert engine.finish() == 1
    campaign.refresh_from_db()
    return campaign, recipients


def test_the_rest_is_exactly_who_failed_and_may_still_be_mailed_once():
    campaign, recipients = make_sent("sent", "failed", "skipped", "failed", "failed")
    make_audience(2, on=campaign.list)
    people.unsubscribe(Subscriber.objects.get(pk=recipients[3]), from_list=campaign.list, by=SYSTEM)
    templates.save_draft(campaign.template, by=SYSTEM, subject="Something else")
    api, path = Api(campaign.workspace), f"/campaigns/{campaign.public_id}/finish-rest"

    made, again = api("POST", path), api("POST", path)
    tasks.fill()

    rest = Campaign.objects.get(rest_of=campaign)
    assert (made.status_code, made.json()["id"], made.json()["state"]) == (
        *(201, rest.public_id, "sending"),
    )
    assert (again.status_code, again.json()["code"]) == (409, "duplicate")
    assert rest.name == "November news (the rest)"
    assert rest.template_version == campaign.template_version
    assert queued(rest) == [recipients[1], recipients[4]]
    finish_messages(rest, "sent", "failed")
    tasks.fill()
    assert api("POST", f"/campaigns/{rest.public_id}/finish-rest").status_code == 201
    tasks.fill()
    assert queued(Campaign.objects.get(rest_of=rest)) == [recipients[4]]


def test_there_is_no_rest_of_what_is_not_sent_or_has_failed_nobody():
    sending = make_sending(1)
    sent, _ = make_sent("sent")

    def answer(campaign: Campaign) -> tuple[int, str]:
        path = f"/campaigns/{campaign.public_id}/finish-rest"
        told = Api(campaign.workspace)("POST", path)
        return told.status_code, told.json()["code"]

    assert answer(sending) == (409, "state_conflict")
    assert answer(sent)[0] == 400
    assert Campaign.objects.count() == 2


def test_a_copy_is_a_draft_for_the_same_people():
    campaign = CampaignFactory(name="x" * 100)
    earlier = CampaignFactory(list=campaign.list, template=campaign.template)
    campaign.excluded_campaigns.set([earlier])

    made = Api(campaign.workspace)("POST", f"/campaigns/{campaign.public_id}/duplicate")

    assert made.status_code == 201
    copy, original = (
        Api(campaign.workspace)("GET", f"/campaigns/{one}").json()
        for one in (made.json()["id"], campaign.public_id)
    )
    assert copy["name"] == "x" * 93 + " (copy)"
    same = ("state", "list", "template", "sender", "excluded_campaigns")
    assert [copy[name] for name in same] == [original[name] for name in same]


def test_the_back_office_finishes_the_rest_of_what_is_sent_and_copies():
    client = sign_in()
    campaign = CampaignFactory(list=ListFactory(workspace=client.workspace))
    make_audience(1, on=campaign.list)

    def url(verb: str) -> str:
        return reverse(f"admin:campaigns_campaign_{verb}", args=[campaign.pk])

    assert url("finish_rest") not in client.get(url("change")).content.decode()
    assert is_done(act(client, url("duplicate")))
    press(client, campaign)
    engine.fill()
    finish_messages(campaign, "failed")
    engine.finish()

    assert url("finish_rest") in client.get(url("change")).content.decode()
    assert is_done(act(client, url("finish_rest")))
    assert Campaign.objects.get(rest_of=campaign).state == "sending"


@pytest.mark.parametrize(
    ("to", "expected"), [("not_opened", ["quiet"]), ("not_clicked", ["quiet", "opened"])]
)
def test_it_is_sent_again_to_who_paid_it_no_attention_until_then(to, expected):
    campaign, people_ids = make_sent("sent", "sent", "sent", "sent", "failed")
    names = dict(zip(["quiet", "opened", "clicked", "late"], people_ids[:4], strict=True))
    ledger = SendLedger.objects.filter(source_id=campaign.pk)
    ledger.filter(subscriber=names["opened"]).update(opened_at=clock.now())
    ledger.filter(subscriber=names["clicked"]).update(clicked_at=clock.now())
    make_audience(2, on=campaign.list)
    api = Api(campaign.workspace)

    made = api("POST", f"/campaigns/{campaign.public_id}/resend", {"to": to}).json()
    ledger.filter(subscriber=names["late"]).update(opened_at=clock.now(), clicked_at=clock.now())
    assert api("GET", f"/campaigns/{made['id']}/audience").json()["recipients"] == len(expected)
    api("POST", f"/campaigns/{made['id']}/send")
    tasks.fill()

    assert (made["state"], made["name"], made["resend_to"]) == (
        "draft",
        "November news (again)",
        to,
    )
    again = Campaign.objects.get(resend_of=campaign)
    assert queued(again) == [names[name] for name in expected]
