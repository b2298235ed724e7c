from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from analytics.shares import DELAYS
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory, make_sending
from delivery.models import Source
from delivery.tests.factories import SenderFactory
from emailseq.lib import clock
from subscribers.tests.factories import ListFactory, make_audience
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def draft(workspace):
    return CampaignFactory(list__workspace=workspace)


def test_a_draft_is_made(api, workspace):
    news = ListFactory(workspace=workspace)
    template = TemplateFactory(workspace=workspace)
    sender = SenderFactory(workspace=workspace)

    with clock.frozen(datetime(2026, 3, 1, tzinfo=UTC)):
        made = api(
            "POST",
            "/campaigns",
            {
                "name": "March",
                "list": news.slug,
                "template": template.slug,
                "sender": sender.public_id,
            },
        )

    campaign = Campaign.objects.get()
    assert made.status_code == 201
    assert made.headers["ETag"] == '"r1"'
    assert made.json() == {
        "id": campaign.public_id,
        "name": "March",
        "state": "draft",
        "list": news.public_id,
        "segments": [],
        "excluded_lists": [],
        "excluded_segments": [],
        "excluded_campaigns": [],
        "template": template.public_id,
        "sender": sender.public_id,
        "scheduled_at": None,
        "local_time": False,
        "best_time": False,
        "spread_minutes": 0,
        "is_overdue": False,
        "refusal": "",
        "resend_of": None,
        "resend_to": "",
        "occurrence_of": None,
        "recurrence": None,
        "approval": "",
        "web_url": "",
        "recipient_count": 0,
        "created_at": "2026-03-01T00:00:00Z",
        "started_at": None,
        "ended_at": None,
        "archived_at": None,
    }
    assert api("GET", made.headers["Location"]).json() == made.json()


def test_everything_it_needs_is_asked_for_at_once(api):
    answer = api("POST", "/campaigns", {"list": "nope", "state": "sent", "template": None})

    assert {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]} == {
        ("/name", "required"),
        ("/list", "not_found"),
        ("/template", "required"),
        ("/sender", "required"),
        ("/state", "unknown_field"),
    }


def test_a_draft_changes_only_for_who_has_read_it(api, draft):
    path = f"/campaigns/{draft.public_id}"

    assert api("PATCH", path, {"name": "April"}).status_code == 428
    changed = api("PATCH", path, {"name": "April"}, match='"r1"')
    assert (changed.json()["name"], changed.headers["ETag"]) == ("April", '"r2"')
    assert api("PATCH", path, {"name": "May"}, match='"r1"').status_code == 412


def test_a_draft_is_removed(api, draft):
    path = f"/campaigns/{draft.public_id}"

    assert api("DELETE", path).status_code == 428
    assert api("DELETE", path, match='"r9"').status_code == 412
    assert api("DELETE", path, match='"r1"').status_code == 204
    assert api("GET", path).status_code == 404
    assert AuditEntry.objects.filter(verb="campaign.deleted").count() == 1


def test_a_campaign_is_sent_paused_resumed_and_cancelled(api, draft):
    make_audience(2, on=draft.list)
    path = f"/campaigns/{draft.public_id}"

    def state_after(verb):
        answer = api("POST", f"{path}/{verb}")
        assert answer.status_code == 200
        return answer.json()["state"]

    assert state_after("send") == "sending"
    assert state_after("send") == "sending"
    assert state_after("pause") == "paused"
    assert Source.objects.get(kind="campaign", source_id=draft.pk).held is True
    assert state_after("resume") == "sending"
    assert state_after("cancel") == "cancelled"
    assert api("GET", path).json()["ended_at"] is not None


def test_what_the_state_forbids_is_a_conflict(api, workspace):
    campaign = make_sending(1)
    theirs = Api(campaign.workspace)

    removed = theirs("DELETE", f"/campaigns/{campaign.public_id}", match="*")
    changed = theirs("PATCH", f"/campaigns/{campaign.public_id}", {"name": "x"}, match="*")

    for answer in (removed, changed):
        assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
        assert answer.json()["state"] == "sending"
        assert "pause" in answer.json()["allowed"]
    assert Campaign.objects.filter(pk=campaign.pk).exists()


def test_a_campaign_without_anybody_cannot_be_sent(api, draft):
    answer = api("POST", f"/campaigns/{draft.public_id}/send")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "empty"


def test_writing_is_not_sending(workspace, draft):
    writer = Api(workspace, "campaigns:write")
    path = f"/campaigns/{draft.public_id}"

    refused = {verb: writer("POST", f"{path}/{verb}").json()["scope"] for verb in ("send", "pause")}
    unknown = writer("POST", "/campaigns/cmp_00000000000000000000000000/send")

    assert refused == {"send": "campaigns:send", "pause": "delivery:pause"}
    assert (unknown.status_code, unknown.json()["code"]) == (403, "scope_missing")
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_numbers_of_a_campaign(workspace):
    campaign = make_sending(3)
    Campaign.objects.filter(pk=campaign.pk).update(recipient_count=3)

    stats = Api(campaign.workspace)("GET", f"/campaigns/{campaign.public_id}/stats")

    assert stats.json() == {
        "sent": 0,
        "skipped": 0,
        "failed": 0,
        "opened": 0,
        "clicked": 0,
        "unsubscribed": 0,
        "machine_opened": 0,
        "machine_clicked": 0,
        "opens": 0,
        "clicks": 0,
        "bounced": 0,
        "complained": 0,
        "converted": 0,
        "conversions": 0,
        "revenue": 0,
        "links": [],
        "leaving_reasons": {"too_many": 0, "irrelevant": 0, "not_asked": 0, "other": 0},
        "providers": [],
        "time_to_open": [{"within": end, "opened": 0} for end in (*DELAYS, None)],
        "conversion_goals": [],
        "recipients": 3,
        "queued": 3,
        "in_doubt": 0,
    }


def test_campaigns_are_listed_by_state_and_list(api, draft, django_assert_max_num_queries):
    CampaignFactory(list=draft.list)
    api("GET", "/me")

    with django_assert_max_num_queries(7):
        assert len(api("GET", "/campaigns").json()["data"]) == 2

    assert len(api("GET", f"/campaigns?list={draft.list.slug}&state=draft").json()["data"]) == 2
    assert api("GET", "/campaigns?state=sent").json()["data"] == []


def test_why_somebody_gets_a_campaign_or_not_is_told_gate_by_gate():
    campaign = make_sending(1)
    api = Api(workspace := campaign.workspace)
    ada = campaign.list.subscriptions.get().subscriber
    [stranger] = make_audience(1, on=ListFactory(workspace=workspace))

    def path_of(person):
        return f"/subscribers/{person.public_id}/campaigns/{campaign.public_id}/explain"

    def told(person):
        answer = api("GET", path_of(person)).json()
        closed = {gate["gate"]: gate["because"] for gate in answer["gates"] if not gate["passed"]}
        return answer["passed"], closed, answer["messages"]

    assert told(ada) == (True, {}, [])
    assert told(stranger) == (False, {"consent": f"not confirmed on “{campaign.list}”"}, [])
    assert Api(workspace, "subscribers:read")("GET", path_of(ada)).status_code == 403
