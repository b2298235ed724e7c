from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery import services
from delivery.models import SenderIdentity
from emailseq.lib import clock
from subscribers import services as people
from subscribers.events import NewEvent, record_many
from subscribers.models import Subscriber
from subscribers.tests.factories import ListFactory, SubscriberFactory
from templates_app.services import put_translation
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace():
    return WorkspaceFactory(name="Harbour")


@pytest.fixture
def api(workspace):
    return Api(workspace)


def test_a_sender_is_made_and_found(api):
    with clock.frozen(NOON):
        made = api("POST", "/sender-identities", {"name": "Mié", "email": "mie@harbour.example"})

    sender = SenderIdentity.objects.get()
    assert made.status_code == 201
    assert made.json() == {
        "id": sender.public_id,
        "name": "Mié",
        "email": "mie@harbour.example",
        "reply_to": "",
        "transport": None,
        "created_at": "2026-03-01T12:00:00Z",
    }
    assert api("GET", made.headers["Location"]).json() == made.json()
    assert api("GET", "/sender-identities").json()["data"] == [made.json()]


def test_a_sender_has_a_real_address(api):
    answer = api("POST", "/sender-identities", {"name": "x", "email": "a\nb@example.com"})

    assert answer.json()["errors"][0]["code"] == "invalid_email"


def test_a_timeline_tells_what_happened_newest_first(api, workspace):
    newsletter = ListFactory(workspace=workspace)
    services.mirror(workspace=workspace, kind="sequence", source_id=7, name="Welcome")
    with clock.frozen(NOON):
        ada, _ = people.upsert(workspace, email="ada@example.com", by=SYSTEM, first_name="Ada")
        people.subscribe(ada, to=newsletter, by=SYSTEM)
        record_many(
            [
                NewEvent(
                    workspace.pk,
                    ada.pk,
                    "message.clicked",
                    NOON,
                    "sequence",
                    7,
                    "stp_x",
                    message_id=99,
                    verdict="human",
                    properties={"link": 2, "secret": 1},
                )
            ]
        )

    entries = api("GET", f"/subscribers/{ada.public_id}/timeline").json()["data"]

    assert [entry.pop("recorded_at") > "2026" for entry in entries] == [True] * 3
    assert [entry.pop("id")[:4] for entry in entries] == ["evt_"] * 3
    assert entries == [
        {
            "kind": "message.clicked",
            "name": "",
            "occurred_at": "2026-03-01T12:00:00Z",
            "list": None,
            "source": {"kind": "sequence", "name": "Welcome"},
            "step_key": "stp_x",
            "verdict": "human",
            "properties": {"link": 2},
        },
        {
            "kind": "subscription.pending",
            "name": "",
            "occurred_at": "2026-03-01T12:00:00Z",
            "list": newsletter.public_id,
            "source": None,
            "step_key": "",
            "verdict": "",
            "properties": {"by": "system"},
        },
        {
            "kind": "subscriber.created",
            "name": "",
            "occurred_at": "2026-03-01T12:00:00Z",
            "list": None,
            "source": None,
            "step_key": "",
            "verdict": "",
            "properties": {"by": "system", "fields": ["first_name"]},
        },
    ]


def test_a_timeline_has_pages_and_one_kind_if_asked(api, workspace, django_assert_max_num_queries):
    ada, _ = people.upsert(workspace, email="ada@example.com", by=SYSTEM)
    for name in ("Ada", "Eve", "Ida"):
        people.upsert(workspace, email="ada@example.com", by=SYSTEM, first_name=name)
    path = f"/subscribers/{ada.public_id}/timeline"
    api("GET", "/me")

    with django_assert_max_num_queries(5):
        first = api("GET", f"{path}?limit=3").json()
    second = api("GET", f"{path}?limit=3&cursor={first['next_cursor']}").json()
    created = api("GET", f"{path}?kind=subscriber.created").json()

    assert [len(page["data"]) for page in (first, second, created)] == [3, 1, 1]
    assert second["next_cursor"] is None
    assert second["data"] == created["data"]


def test_a_timeline_shows_what_was_told_and_takes_none_of_it_for_its_own(api, workspace):
    theirs = ListFactory()
    ada, _ = people.upsert(workspace, email="ada@example.com", by=SYSTEM)
    told = {"list_id": theirs.pk, "fields": "boat", "anything": [1]}
    body = {"name": "seat_added", "subscriber": {"id": ada.public_id}, "properties": told}
    event_id = api("POST", "/events", body).json()["id"]

    [entry, _] = api("GET", f"/subscribers/{ada.public_id}/timeline").json()["data"]

    assert (entry["id"], entry["kind"], entry["name"]) == (event_id, "custom", "seat_added")
    assert (entry["list"], entry["properties"]) == (None, told)


def test_a_timeline_shows_nobody_else(api, workspace):
    stranger = SubscriberFactory()
    neighbour = SubscriberFactory(workspace=workspace)
    people.upsert(workspace, email="ada@example.com", by=SYSTEM)

    assert api("GET", f"/subscribers/{stranger.public_id}/timeline").status_code == 404
    assert api("GET", f"/subscribers/{neighbour.public_id}/timeline").json()["data"] == []


def test_a_draft_is_rendered_as_a_person_would_get_it(api, workspace):
    ada = SubscriberFactory(workspace=workspace, first_name="<Ada>")
    template = TemplateFactory(
        workspace=workspace,
        subject="Hello {{ subscriber.first_name }}",
        html='<p>{{ subscriber.first_name }}, <a href="{{ links.unsubscribe }}">leave</a></p>',
    )

    answer = api("POST", f"/templates/{template.slug}/render", {"subscriber": ada.public_id})

    assert answer.status_code == 200
    assert answer.json()["subject"] == "Hello <Ada>"
    assert "&lt;Ada&gt;" in answer.json()["html"]
    assert "<Ada>" in answer.json()["text"]


def test_a_draft_is_rendered_for_whoever_has_least_in_the_language_asked_for(api, workspace):
    named = SubscriberFactory(workspace=workspace, first_name="Ada", fields={})
    bare = SubscriberFactory(workspace=workspace, first_name="", last_name="", language="de")
    SubscriberFactory(workspace=workspace, first_name="", last_name="", fields={"boat": "Elsa"})
    SubscriberFactory(first_name="", last_name="")  # a stranger
    template = TemplateFactory(
        workspace=workspace,
        subject="Hello {{ subscriber.first_name | default: 'you' }}",
        html='<div style="display:none">Before</div><p>After</p>',
    )
    put_translation(template, language="de", subject="Moin", html="<p>Nachher</p>", by=SYSTEM)
    path = f"/templates/{template.slug}/render"

    own = api("POST", path, {"who": "emptiest"}).json()
    other = api("POST", path, {"who": "emptiest", "language": "en"}).json()
    anybody = {api("POST", path, {"who": "random"}).json()["subscriber"] for _ in range(3)}

    assert (own["subscriber"], own["subject"], own["text"]) == (
        (bare.public_id, "Moin", "Nachher\n")
    )
    assert (other["subject"], other["preheader"]) == ("Hello you", "Before")
    assert other["size"] > len(other["html"])
    assert anybody <= {row.public_id for row in Subscriber.objects.of(workspace)}
    assert api("POST", path, {"subscriber": named.public_id, "who": "random"}).status_code == 400
    assert api("POST", path, {}).json()["errors"][0]["pointer"] == "/subscriber"


def test_rendering_for_a_person_takes_the_right_to_read_people(workspace):
    ada = SubscriberFactory(workspace=workspace)
    template = TemplateFactory(workspace=workspace)
    author = Api(workspace, "templates:write")

    answer = author("POST", f"/templates/{template.slug}/render", {"subscriber": ada.public_id})

    assert answer.json()["scope"] == "subscribers:read"


def test_a_draft_that_does_not_work_for_somebody_says_why(api, workspace):
    ada = SubscriberFactory(workspace=workspace)
    template = TemplateFactory(workspace=workspace, html="<p>{{ 1 | divided_by: 0 }}</p>")

    answer = api("POST", f"/templates/{template.slug}/render", {"subscriber": ada.public_id})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "template_invalid"


def test_rendering_for_a_stranger_is_refused(api, workspace):
    template = TemplateFactory(workspace=workspace)

    answer = api(
        "POST", f"/templates/{template.slug}/render", {"subscriber": SubscriberFactory().public_id}
    )

    assert answer.json()["errors"][0] == {
        "pointer": "/subscriber",
        "code": "not_found",
        "detail": "There is no such subscriber.",
    }
