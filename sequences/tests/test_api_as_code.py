from __future__ import annotations

from pathlib import Path

import pytest

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery.tests.factories import SenderFactory
from sequences import documents
from sequences.models import Sequence
from subscribers.models import List
from subscribers.tests.factories import ListFactory
from templates_app.models import Template

pytestmark = pytest.mark.django_db
BIRTHDAY = (Path(__file__).parent.parent / "recipes" / "birthday.yaml").read_text()


@pytest.fixture
def workspace():
    return SenderFactory(workspace=WorkspaceFactory()).workspace


@pytest.fixture
def api(workspace):
    return Api(workspace)


def test_a_document_goes_in_and_comes_out(api):
    planned = api("POST", "/sequences/import", {"yaml": BIRTHDAY})
    assert (planned.status_code, planned.json()["changed"]) == (200, True)
    assert not Sequence.objects.exists()

    applied = api(
        "POST", "/sequences/import", {"yaml": BIRTHDAY, "mode": "apply", "publish": True}
    ).json()
    exported = api("GET", "/sequences/birthday/export").json()["yaml"]
    again = api("POST", "/sequences/import", {"yaml": exported, "mode": "apply"}).json()

    assert applied == {
        "sequence": "birthday",
        "made": True,
        "changed": True,
        "diff": planned.json()["diff"],
        "problems": [],
        "published": 1,
    }
    assert again == {
        "sequence": "birthday",
        "made": False,
        "changed": False,
        "diff": "",
        "problems": [],
        "published": None,
    }


def test_what_is_wrong_with_a_document_is_said(api):
    broken = api("POST", "/sequences/import", {"yaml": "a: [1"})
    other = api("POST", "/sequences/import", {"yaml": BIRTHDAY.replace("kind: date", "kind: x")})

    assert broken.json()["errors"][0]["code"] == "malformed"
    assert {each["pointer"] for each in other.json()["errors"]} == {"/fields/birthday/kind"}


@pytest.mark.parametrize("missing", ["templates:write", "lists:write", "sequences:publish"])
def test_a_document_takes_the_permissions_for_all_that_it_brings(workspace, missing):
    scopes = {"sequences:write", "templates:write", "lists:write", "sequences:publish"} - {missing}
    body = {"yaml": BIRTHDAY, "mode": "apply", "publish": True}

    answer = Api(workspace, *scopes)("POST", "/sequences/import", body)

    assert (answer.status_code, answer.json()["scope"]) == (403, missing)
    assert not Template.objects.exists()
    assert not Sequence.objects.exists()


def test_recipes_are_listed_and_used(api, workspace):
    own = ListFactory(workspace=workspace, slug="mine")
    listed = api("GET", "/sequences/recipes").json()["data"]
    assert [each["slug"] for each in listed] == [
        *("abandoned-cart", "birthday", "re-permission", "trial", "welcome", "win-back")
    ]

    body = {"recipe": "welcome", "name": "Hello", "slug": "hello", "list": "mine"}
    made = api("POST", "/sequences/from-recipe", body)

    assert (made.status_code, made.json()["problems"]) == (201, [])
    sequence = Sequence.objects.get(slug="hello")
    assert (sequence.name, sequence.list, sequence.state) == ("Hello", own, "draft")
    assert sequence.triggers.get().list == own
    assert set(Template.objects.values_list("slug", flat=True)) == {"hello-1", "hello-2", "hello-3"}
    assert [*List.objects.all()] == [own]


def test_a_recipe_overwrites_nothing(api, workspace):
    first = api("POST", "/sequences/from-recipe", {"recipe": "birthday"})
    again = api("POST", "/sequences/from-recipe", {"recipe": "birthday"})
    Template.objects.filter(slug="birthday-1").update(slug="feast-1")
    clash = api("POST", "/sequences/from-recipe", {"recipe": "birthday", "slug": "feast"})

    assert [each.status_code for each in (first, again, clash)] == [201, 409, 409]
    assert "sequence “birthday”" in again.json()["detail"]
    assert "template “feast-1”" in clash.json()["detail"]
    assert Sequence.objects.count() == 1


def test_every_recipe_is_ready_to_publish(api):
    for recipe in api("GET", "/sequences/recipes").json()["data"]:
        slug = f"my-{recipe['slug']}"
        made = api("POST", "/sequences/from-recipe", {"recipe": recipe["slug"], "slug": slug})
        assert made.json()["problems"] == [], recipe
        exported = documents.load(api("GET", f"/sequences/{slug}/export").json()["yaml"])
        assert all(name.startswith(slug) for name in exported["templates"])
        assert api("POST", f"/sequences/{slug}/simulate", {"until": "P1D"}).status_code == 200
