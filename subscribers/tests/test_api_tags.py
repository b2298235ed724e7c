from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from subscribers import services
from subscribers.models import Event, Tag, TagAssignment
from subscribers.tests.factories import SubscriberFactory, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def vip(workspace):
    return services.create_tag(workspace, name="VIP", by=SYSTEM)


def recorded(workspace):
    events = Event.objects.of(workspace).filter(kind__startswith="tag.").order_by("id")
    return [(event.kind, event.subscriber_id, event.properties) for event in events]


def test_a_tag_is_made_shown_renamed_and_taken_away(api, workspace):
    made = api("POST", "/tags", {"name": "Großkunde"})
    path = made.headers["Location"]

    assert made.status_code == 201
    assert made.json()["slug"] == "großkunde"
    assert (
        api("PATCH", path, {"name": "Key account", "slug": "key"}).json()["name"] == "Key account"
    )
    assert api("GET", "/tags/key").json()["id"] == made.json()["id"]
    assert [one["slug"] for one in api("GET", "/tags").json()["data"]] == ["key"]
    assert api("DELETE", path).status_code == 204
    assert api("GET", path).status_code == 404
    verbs = list(AuditEntry.objects.filter(verb__startswith="tag.").values_list("verb", flat=True))
    assert sorted(verbs) == ["tag.created", "tag.deleted", "tag.updated"]


def test_names_are_checked(api, vip):
    assert api("POST", "/tags", {"name": "vip"}).json()["code"] == "duplicate"
    assert api("POST", "/tags", {"name": "–"}).json()["errors"][0]["pointer"] == "/name"
    assert api("POST", "/tags", {"name": "x" * 65}).json()["errors"][0]["code"] == "too_long"
    other = api("POST", "/tags", {"name": "Other"}).json()["id"]
    assert api("PATCH", f"/tags/{other}", {"slug": "vip"}).json()["code"] == "duplicate"
    assert Tag.objects.get(slug="vip") == vip


def test_a_tag_is_given_to_many_and_news_only_to_some(api, workspace, vip):
    ada, bob, eve = make_people(3, workspace=workspace)
    services.tag_people(vip, [eve.pk], by=SYSTEM)
    ids = [person.public_id for person in (bob, eve, ada, bob)]

    answer = api("POST", "/tags/vip/apply", {"subscribers": ids})

    assert (answer.status_code, answer.json()) == (200, {"changed": 2})
    by_key = {"tag": "VIP", "tag_id": vip.pk, "by": "api_key"}
    assert recorded(workspace)[1:] == [
        ("tag.added", ada.pk, by_key),
        ("tag.added", bob.pk, by_key),
    ]
    again = api("POST", "/tags/vip/apply", {"subscribers": ids})
    assert again.json() == {"changed": 0}
    assert len(recorded(workspace)) == 3

    removed = api("POST", "/tags/vip/remove", {"subscribers": ids[:2]})
    assert removed.json() == {"changed": 2}
    assert recorded(workspace)[3:] == [
        ("tag.removed", bob.pk, by_key),
        ("tag.removed", eve.pk, by_key),
    ]
    assert api("POST", "/tags/vip/remove", {"subscribers": ids[:2]}).json() == {"changed": 0}
    assert set(TagAssignment.objects.values_list("subscriber", flat=True)) == {ada.pk}


def test_a_thousand_people_take_no_more_queries_than_one(api, workspace, vip):
    people = make_people(1000, workspace=workspace)

    with CaptureQueriesContext(connection) as queries:
        answer = api(
            "POST", "/tags/vip/apply", {"subscribers": [person.public_id for person in people]}
        )

    assert answer.json() == {"changed": 1000}
    assert len(queries) <= 8


def test_people_who_are_not_there_are_named_and_nobody_is_tagged(api, workspace, vip):
    ada, stranger = SubscriberFactory(workspace=workspace), SubscriberFactory()
    ids = [ada.public_id, stranger.public_id, "nobody"]

    for path in ("/tags/vip/apply", "/tags/vip/remove"):
        faults = api("POST", path, {"subscribers": ids}).json()["errors"]
        assert [(one["pointer"], one["code"]) for one in faults] == [
            ("/subscribers/1", "not_found"),
            ("/subscribers/2", "not_found"),
        ]
    assert not TagAssignment.objects.exists()
    too_many = api("POST", "/tags/vip/apply", {"subscribers": ids[:1] * 1001})
    assert too_many.json()["errors"][0]["pointer"] == "/subscribers"


def test_one_person_is_tagged_and_untagged(api, workspace, vip):
    ada = SubscriberFactory(workspace=workspace)

    tagged = api("POST", f"/subscribers/{ada.public_id}/tag", {"name": "New here"})
    api("POST", f"/subscribers/{ada.public_id}/tag", {"name": "VIP"})

    assert (tagged.status_code, tagged.json()["tags"]) == (200, ["new-here"])
    assert api("GET", f"/subscribers/{ada.public_id}").json()["tags"] == ["new-here", "vip"]
    untagged = api("POST", f"/subscribers/{ada.public_id}/untag", {"tag": "vip"})
    assert untagged.json()["tags"] == ["new-here"]
    assert [kind for kind, _, _ in recorded(workspace)] == ["tag.added", "tag.added", "tag.removed"]
