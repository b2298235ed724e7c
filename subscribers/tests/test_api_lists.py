from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from subscribers.models import List
from subscribers.tests.factories import ListFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


def test_a_list_is_made(api):
    with clock.frozen(datetime(2026, 3, 1, tzinfo=UTC)):
        answer = api("POST", "/lists", {"name": "Product news", "slug": "news", "opt_in": "single"})

    made = List.objects.get()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/lists/{made.public_id}"
    assert answer.json() == {
        "id": made.public_id,
        "name": "Product news",
        "slug": "news",
        "opt_in": "single",
        "public": True,
        "created_at": "2026-03-01T00:00:00Z",
        "archived_at": None,
    }
    entry = AuditEntry.objects.get(verb="list.created")
    assert (entry.actor_kind, entry.object_label) == ("api_key", "Product news")


def test_the_slug_is_made_from_the_name(api):
    assert api("POST", "/lists", {"name": "Ünser Brief!"}).json()["slug"] == "unser-brief"
    answer = api("POST", "/lists", {"name": "ニュース"})
    assert answer.json()["errors"][0]["pointer"] == "/slug"


def test_a_list_is_found_by_id_and_by_slug(api, workspace):
    made = ListFactory(workspace=workspace, slug="news")

    assert api("GET", "/lists/news").json() == api("GET", f"/lists/{made.public_id}").json()


def test_a_list_changes_where_it_is_told_to(api, workspace):
    ListFactory(workspace=workspace, slug="news", name="News", public=False)

    answer = api("PATCH", "/lists/news", {"slug": "digest"})

    assert answer.status_code == 200
    assert (answer.json()["slug"], answer.json()["name"]) == ("digest", "News")
    assert answer.json()["public"] is False
    assert AuditEntry.objects.get(verb="list.updated").changes == {"slug": "digest"}


def test_a_taken_slug_is_a_duplicate(api, workspace):
    ListFactory(workspace=workspace, slug="news")
    ListFactory(workspace=workspace, slug="digest")
    ListFactory(slug="elsewhere")

    assert api("POST", "/lists", {"name": "News"}).json()["code"] == "duplicate"
    assert api("PATCH", "/lists/digest", {"slug": "news"}).status_code == 409
    assert api("POST", "/lists", {"name": "Elsewhere"}).status_code == 201


def test_a_list_is_put_away(api, workspace):
    made = ListFactory(workspace=workspace, slug="news")

    answer = api("DELETE", "/lists/news")
    again = api("DELETE", "/lists/news")

    made.refresh_from_db()
    assert (answer.status_code, again.status_code) == (204, 204)
    assert made.archived_at is not None
    assert api("GET", "/lists").json() == {"data": [], "next_cursor": None}
    assert [row["slug"] for row in api("GET", "/lists?archived=1").json()["data"]] == ["news"]
    assert AuditEntry.objects.filter(verb="list.archived").count() == 1


def test_only_known_members_and_choices(api):
    answer = api("POST", "/lists", {"name": "", "opt_in": "triple", "id": "lst_1", "slug": "a b"})

    assert {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]} == {
        ("/name", "required"),
        ("/opt_in", "invalid_choice"),
        ("/id", "unknown_field"),
        ("/slug", "invalid"),
    }


def test_reading_is_not_writing(workspace):
    ListFactory(workspace=workspace, slug="news")
    reader = Api(workspace, "lists:read")

    answers = [
        reader("POST", "/lists", {"name": "x"}),
        reader("PATCH", "/lists/news", {"name": "x"}),
        reader("DELETE", "/lists/news"),
        reader("DELETE", "/lists/there-is-none"),
    ]

    assert [answer.json()["scope"] for answer in answers] == ["lists:write"] * 4
    assert reader("GET", "/lists/news").status_code == 200
