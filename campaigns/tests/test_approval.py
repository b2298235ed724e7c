"""More people than usual, more than one person may decide on, and what is put away."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM, Actor
from accounts.models import Workspace
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from campaigns import approvals, services
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory, make_sending
from campaigns.tests.pages import has_gone, page_of, press
from emailseq.lib.errors import Conflict, StateConflict
from subscribers.models import Event
from subscribers.tests.factories import ListFactory, make_audience
from templates_app import services as templates

pytestmark = pytest.mark.django_db

ADA, EVE = Actor("user", 1, "ada@example.com"), Actor("user", 2, "eve@example.com")


@pytest.fixture
def campaign(monkeypatch):
    """A draft to four people, in a workspace where one has gone to one before."""
    monkeypatch.setattr(approvals, "UNUSUAL_FROM", 3)
    before = make_sending(1)
    Campaign.objects.update(recipient_count=1)
    campaign = CampaignFactory(
        list=ListFactory(workspace=before.workspace), sender=before.sender, template=before.template
    )
    make_audience(4, on=campaign.list)
    return campaign


def limit(campaign: Campaign, people: int | None) -> None:
    Workspace.objects.filter(pk=campaign.workspace_id).update(approval_above=people)
    campaign.refresh_from_db()


def test_many_more_than_usual_are_sent_to_only_if_that_is_said(campaign):
    api, path = Api(campaign.workspace), f"/campaigns/{campaign.public_id}/send"

    refused = api("POST", path)
    fewer = api("POST", path, {"expected_recipients": 2})
    at = {"at": "2099-01-01T00:00:00Z"}
    later = api("POST", path.replace("send", "schedule"), at)

    for answer in (refused, fewer, later):
        assert (answer.status_code, answer.json()["code"]) == (409, "confirmation_needed")
        assert answer.json()["recipients"] == 4
    assert Campaign.objects.get(pk=campaign.pk).state == "draft"
    assert api("POST", path, {"expected_recipients": 4}).json()["state"] == "sending"


def test_what_is_scheduled_starts_by_itself_whatever_its_size(campaign):
    assert services.send(campaign, by=SYSTEM)


def test_above_the_limit_somebody_else_approves_what_it_is_then(campaign):
    limit(campaign, 3)

    def send(by: Actor) -> bool:
        return services.send(campaign, by=by, expected_recipients=4)

    with pytest.raises(approvals.ApprovalNeeded):
        send(ADA)
    approvals.request_approval(campaign, by=ADA)
    approvals.approve(campaign, by=ADA)
    with pytest.raises(approvals.ApprovalNeeded):
        send(ADA)
    approvals.approve(campaign, by=EVE)
    templates.save_draft(campaign.template, by=ADA, subject="Another")
    campaign.refresh_from_db()
    assert approvals.standing(campaign) == "outdated"
    with pytest.raises(approvals.ApprovalNeeded):
        send(ADA)
    approvals.approve(campaign, by=EVE)
    make_audience(3, on=campaign.list)
    with pytest.raises(approvals.ApprovalNeeded):
        services.send(campaign, by=ADA, expected_recipients=7)
    approvals.approve(campaign, by=EVE)

    assert services.send(campaign, by=ADA, expected_recipients=7) is True
    with pytest.raises(StateConflict):
        approvals.approve(campaign, by=EVE)
    told = Event.objects.filter(source_id=campaign.pk, kind__startswith="campaign.approv")
    assert list(told.order_by("id").values_list("kind", flat=True)) == [
        "campaign.approval_requested",
        *["campaign.approved"] * 4,
    ]


def test_programs_neither_approve_nor_send_alone(campaign):
    limit(campaign, 3)
    api, path = Api(campaign.workspace), f"/campaigns/{campaign.public_id}"

    assert api("POST", f"{path}/request-approval").json()["approval"] == "asked"
    assert api("POST", f"{path}/approve").status_code == 409
    refused = api("POST", f"{path}/send", {"expected_recipients": 4})
    assert (refused.json()["code"], refused.json()["limit"]) == ("approval_needed", 3)
    with pytest.raises(Conflict):
        approvals.approve(campaign, by=SYSTEM)
    approvals.approve(campaign, by=EVE)
    assert api("POST", f"{path}/send", {"expected_recipients": 4}).status_code == 200


def test_the_back_office_asks_approves_and_wants_the_number_typed(campaign, monkeypatch):
    monkeypatch.setattr("campaigns.admin.reviewing.MANY", 3)
    limit(campaign, 3)
    ada, eve = (sign_in(workspace=campaign.workspace, role="Marketer") for _ in range(2))

    def offered(client) -> list[str]:
        return [button.do for button in client.get(page_of(campaign)).context["buttons"]]

    assert offered(ada) == ["approve", "ask"]
    act(ada, page_of(campaign), do="ask")
    assert (offered(ada), offered(eve)) == (["ask"], ["approve", "ask"])
    asked = ada.get(page_of(campaign, "change")).content.decode()
    assert "asks for a second person" in asked
    assert not has_gone(press(ada, campaign, typed=4), campaign)
    act(eve, page_of(campaign), do="approve")
    assert "somebody else sends it" in eve.get(page_of(campaign)).content.decode()
    assert not has_gone(press(eve, campaign, typed=4), campaign)
    assert offered(ada) == ["go"]
    assert "It goes to 4 people." in press(ada, campaign, typed=5).content.decode()
    stale = press(ada, campaign, expected_recipients=1)  # of a page from when it was small
    assert "It goes to 4 people." in stale.content.decode()
    assert Campaign.objects.get(pk=campaign.pk).state == "draft"
    assert has_gone(press(ada, campaign, typed=4), campaign)
    assert Campaign.objects.get(pk=campaign.pk).state == "sending"


def test_what_has_ended_is_put_away_and_comes_back():
    sending, draft = make_sending(1), CampaignFactory()
    make_audience(1, on=draft.list)
    api, path = Api(draft.workspace), f"/campaigns/{draft.public_id}"

    with pytest.raises(StateConflict):
        services.archive(sending, by=SYSTEM)
    assert api("POST", f"{path}/archive").json()["archived_at"]
    assert api("GET", "/campaigns").json()["data"] == []
    assert [row["id"] for row in api("GET", "/campaigns?archived=true").json()["data"]] == [
        draft.public_id
    ]
    assert api("POST", f"{path}/send").json()["errors"][0]["code"] == "archived"
    client = sign_in(workspace=draft.workspace)
    assert draft.name not in client.get("/admin/campaigns/campaign/").content.decode()
    away = client.get("/admin/campaigns/campaign/?archived=yes").content.decode()
    assert draft.name in away
    assert is_done(act(client, reverse("admin:campaigns_campaign_unarchive", args=[draft.pk])))
    assert len(api("GET", "/campaigns").json()["data"]) == 1
