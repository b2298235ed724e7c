"""Segments over the API."""

from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from subscribers import services, tasks
from subscribers.models import Segment, Tag
from subscribers.segments import preview
from subscribers.tests.factories import CustomFieldFactory, SubscriberFactory, make_people

pytestmark = pytest.mark.django_db

IS_ADA = {"field": "first_name", "op": "is", "value": "ada"}


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


def make(api, **changes):
    body = {"name": "Regulars", "rule": IS_ADA, **changes}
    return api("POST", "/segments", body)


def test_a_segment_is_made_found_and_its_members_read(api, workspace):
    ada = SubscriberFactory(workspace=workspace)
    SubscriberFactory(workspace=workspace, first_name="Eve")

    made = make(api)
    tasks.refresh_segments()

    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"],
        "name": "Regulars",
        "slug": "regulars",
        "rule": IS_ADA,
        "sentence": "First name is “ada”.",
        "kind": "dynamic",
        "state": "building",
        "member_count": 0,
        "leaving_count": 0,
        "refreshed_at": None,
        "created_at": made.json()["created_at"],
        "archived_at": None,
    }
    found = api("GET", "/segments/regulars").json()
    assert (found["state"], found["member_count"]) == ("ready", 1)
    members = api("GET", "/segments/regulars/members").json()["data"]
    assert [one["id"] for one in members] == [ada.public_id]
    (listed,) = api("GET", "/segments").json()["data"]
    assert listed == found


def test_what_a_rule_names_is_stored_by_public_id_and_said_by_name(api, workspace):
    tag = Tag.objects.create(workspace=workspace, name="Very important", slug="vip")

    made = make(api, rule={"none": [{"tag": "vip", "op": "has"}]}).json()

    assert made["rule"] == {"none": [{"tag": tag.public_id, "op": "has"}]}
    assert made["sentence"] == "Not: tagged “Very important”."


def test_every_fault_of_a_rule_is_told_with_its_pointer(api):
    rule = {"all": [{"field": "frist_name", "op": "exists"}, {"tag": "x", "op": "has"}]}

    refused = make(api, rule=rule)

    assert refused.status_code == 400
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        ("/rule/all/1/tag", "not_found"),
        ("/rule/all/0/field", "not_found"),
    ]
    detail = "There is no field “frist_name”. Did you mean “first_name”?"
    assert refused.json()["errors"][1]["detail"] == detail
    assert not Segment.objects.exists()


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({}, "/rule"),
        ([], "/rule"),
        (None, "/rule"),
        ("all", "/rule"),
        ({"all": []}, "/rule/all"),
        ({"all": [IS_ADA | {"op": "like"}]}, "/rule/all/0/op"),
    ],
)
def test_what_is_no_rule_is_refused(api, rule, pointer):
    refused = make(api, rule=rule)

    assert refused.status_code == 400
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]


def test_a_change_needs_the_revision_and_rebuilds(api, workspace):
    make(api)
    tasks.refresh_segments()
    eve = SubscriberFactory(workspace=workspace, first_name="Eve")
    tag = api("GET", "/segments/regulars").headers["ETag"]
    change = {"rule": IS_ADA | {"value": "Eve"}, "announce": True}

    assert api("PATCH", "/segments/regulars", change).status_code == 428
    assert api("PATCH", "/segments/regulars", change, match='"r9"').status_code == 412
    changed = api("PATCH", "/segments/regulars", change, match=tag)
    tasks.refresh_segments()

    assert (changed.status_code, changed.json()["state"]) == (200, "building")
    assert changed.headers["ETag"] == '"r2"'
    (event,) = api("GET", f"/subscribers/{eve.public_id}/timeline").json()["data"]
    assert event["kind"] == "segment.entered"


def test_a_segment_is_frozen_recounted_confirmed_and_archived(api, workspace):
    people = make_people(20, workspace=workspace)
    make(api)
    tasks.refresh_segments()
    for person in people[:15]:
        services.archive(person, by=SYSTEM)

    assert api("POST", "/segments/regulars/recount").status_code == 200
    tasks.refresh_segments()
    asking = api("GET", "/segments/regulars").json()
    assert (asking["state"], asking["leaving_count"]) == ("asking", 15)
    assert asking["member_count"] == 20

    assert api("POST", "/segments/regulars/confirm").json()["state"] == "ready"
    tasks.refresh_segments()
    assert api("GET", "/segments/regulars").json()["member_count"] == 5
    again = api("POST", "/segments/regulars/confirm")
    assert again.status_code == 200  # it is ready already

    assert api("POST", "/segments/regulars/freeze").json()["kind"] == "frozen"
    assert api("DELETE", "/segments/regulars", match="*").status_code == 204
    assert api("GET", "/segments").json()["data"] == []
    (archived,) = api("GET", "/segments?archived=true").json()["data"]
    assert archived["archived_at"] is not None


def test_a_segment_in_use_is_not_archived(api):
    make(api)
    make(api, name="Outer", rule={"segment": "regulars"})

    refused = api("DELETE", "/segments/regulars", match="*")

    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert refused.json()["used_by"] == ["Outer"]


def test_a_preview_counts_shows_some_and_says_the_rule(api, workspace):
    people = make_people(7, workspace=workspace)
    SubscriberFactory(workspace=workspace, first_name="Eve")
    SubscriberFactory()

    seen = api("POST", "/segments/preview", {"rule": IS_ADA}).json()

    assert (seen["count"], seen["is_estimate"]) == (7, False)
    assert seen["sentence"] == "First name is “ada”."
    assert seen["rule"] == IS_ADA
    assert len(seen["people"]) == 5
    assert {one["id"] for one in seen["people"]} <= {person.public_id for person in people}
    assert not Segment.objects.exists()


def test_a_preview_shows_nobody_to_whom_may_not_see_people(workspace):
    make_people(2, workspace=workspace)
    api = Api(workspace, "segments:read")

    seen = api("POST", "/segments/preview", {"rule": IS_ADA}).json()

    assert (seen["count"], seen["people"]) == (2, [])


def test_a_preview_of_nobody_is_empty_and_warns_of_events_that_never_came(api, workspace):
    told = {"subscriber": {"email": "ada@example.com"}, "name": "order_placed"}
    assert api("POST", "/events", told).status_code == 202

    seen = api("POST", "/segments/preview", {"rule": {"all": [{"event": "order_plased"}]}}).json()

    assert (seen["count"], seen["people"]) == (0, [])
    assert seen["warnings"] == [
        {
            "pointer": "/rule/all/0/event",
            "code": "unknown_event",
            "detail": "No event “order_plased” has come so far. Did you mean “order_placed”?",
        }
    ]


def test_a_count_that_takes_too_long_is_estimated(api, workspace, monkeypatch):
    monkeypatch.setattr(preview, "PATIENCE", 20)
    monkeypatch.setattr(
        preview, "COUNT", preview.SQL("SELECT id, 1 FROM pg_sleep(1), ({}) AS m LIMIT %(some)s")
    )
    people = make_people(3, workspace=workspace)

    seen = api("POST", "/segments/preview", {"rule": IS_ADA}).json()

    assert seen["is_estimate"] is True
    assert seen["count"] >= 1
    assert [one["id"] for one in seen["people"]] == [one.public_id for one in reversed(people)]


def test_pages_and_previews_take_few_queries(api, workspace, django_assert_max_num_queries):
    CustomFieldFactory(workspace=workspace, key="plan")
    Tag.objects.create(workspace=workspace, name="VIP", slug="vip")
    for number in range(5):
        make(api, name=f"Segment {number}", rule={"any": [IS_ADA, {"tag": "vip", "op": "has"}]})

    with django_assert_max_num_queries(6):
        assert len(api("GET", "/segments").json()["data"]) == 5
    with django_assert_max_num_queries(12):
        api("POST", "/segments/preview", {"rule": {"all": [IS_ADA, {"tag": "vip", "op": "has"}]}})


def test_people_are_filtered_by_tag_and_segment(api, workspace):
    ada, _ = make_people(2, workspace=workspace)
    services.tag(ada, name="VIP", by=SYSTEM)
    make(api, rule={"tag": "vip", "op": "has"})
    tasks.refresh_segments()

    for query in ("tag=vip", "segment=regulars", "tag=vip&segment=regulars"):
        found = api("GET", f"/subscribers?{query}").json()["data"]
        assert [one["id"] for one in found] == [ada.public_id], query
    services.untag(ada, tag=Tag.objects.get(), by=SYSTEM)
    assert api("GET", "/subscribers?tag=vip").json()["data"] == []
    assert api("GET", "/subscribers?tag=none").status_code == 404
    assert len(api("GET", "/subscribers").json()["data"]) == 2
