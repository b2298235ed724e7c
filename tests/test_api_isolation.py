"""Two workspaces, every route, every method: nobody reads or touches what is the other's."""

from __future__ import annotations

import pytest

from accounts.tests.api import Api
from tests.support.api import make_world, operations

pytestmark = pytest.mark.django_db

BY_ID = [one for one in operations() if "{" in one.path and "{email}" not in one.path]
COLLECTIONS = [
    one
    for one in operations()
    if one.method == "GET" and "{" not in one.path and one.action == "list"
]
# Bodies that would be right if the ids in them were one's own.
BODIES = {
    "subscribe": lambda ids: {"list": ids["lists"]},
    "unsubscribe": lambda ids: {"list": ids["lists"]},
    "ask_again": lambda ids: {"list": ids["lists"]},
    "tag": lambda ids: {"name": "VIP"},
    "untag": lambda ids: {"tag": ids["tags"]},
    "apply": lambda ids: {"subscribers": [ids["subscribers"]]},
    "remove": lambda ids: {"subscribers": [ids["subscribers"]]},
    "preview": lambda ids: {"rule": {"segment": ids["segments"]}},
    "lift": lambda ids: {"reason": "because"},
    "snooze": lambda ids: {"until": None},
    "merge": lambda ids: {"gone": ids["subscribers"]},
    "render": lambda ids: {"subscriber": ids["subscribers"]},
    "triggers": lambda ids: {"triggers": [{"kind": "list_joined", "list": ids["lists"]}]},
    "replay_since": lambda ids: {"since": "2026-01-01T00:00:00Z"},
    "move": lambda ids: {"to": 1},
    "choose": lambda ids: {"variant": "a"},
    "create": lambda ids: {"kind": "email", "template": ids["templates"]},
    "partial_update": lambda ids: {},
}


@pytest.fixture(scope="module")
def names():
    return {one.name for one in operations()}


def test_the_matrix_holds_every_route(names):
    assert len(BY_ID) >= 45
    assert {one.path.split("/")[3] for one in BY_ID} == {
        "api-keys",
        "backfills",
        "campaigns",
        "conversions",
        "enrollments",
        "fields",
        "forms",
        "imports",
        "lists",
        "mailboxes",
        "media",
        "messages",
        "saved-blocks",
        "segments",
        "sender-identities",
        "sending-domains",
        "sequences",
        "subscribers",
        "suppressions",
        "tags",
        "templates",
        "transports",
        "webhook-endpoints",
    }


def test_objects_of_another_workspace_are_not_there():
    ours, theirs = make_world(), make_world()
    api, before = Api(ours.workspace), theirs.snapshot()

    answers = {}
    for operation in BY_ID:
        body = BODIES.get(operation.action, lambda ids: None)(theirs.ids)
        answer = api(operation.method, theirs.fill(operation.path), body, match="*")
        answers[operation.name] = (answer.status_code, answer.json()["code"])

    assert set(answers.values()) == {(404, "not_found")}, answers
    assert theirs.snapshot() == before


def test_a_step_of_another_workspace_is_not_there_below_ones_own_sequence():
    ours, theirs = make_world(), make_world()
    api, before = Api(ours.workspace), theirs.snapshot()

    for operation in BY_ID:
        if "/steps/{id}" in operation.path:
            path = theirs.fill(operation.path, sequences=ours.ids["sequences"])
            body = BODIES.get(operation.action, lambda ids: None)(theirs.ids)
            assert api(operation.method, path, body, match="*").status_code == 404

    assert theirs.snapshot() == before


@pytest.mark.parametrize(
    ("method", "path", "body", "pointers"),
    [
        (
            "POST",
            "/campaigns",
            lambda ids: {
                "name": "x",
                "list": ids["lists"],
                "template": ids["templates"],
                "sender": ids["sender-identities"],
            },
            {"/list", "/template", "/sender"},
        ),
        (
            "POST",
            "/sequences",
            lambda ids: {"name": "x", "list": ids["lists"], "sender": ids["sender-identities"]},
            {"/list", "/sender"},
        ),
        (
            "POST",
            "/enrollments",
            lambda ids: {"sequence": ids["sequences"], "subscriber": ids["subscribers"]},
            {"/sequence", "/subscriber"},
        ),
        (
            "POST",
            "/enrollments",
            lambda ids: {"sequence": ids["sequences"], "subscribers": [ids["subscribers"]]},
            {"/sequence", "/subscribers/0"},
        ),
        (
            "PUT",
            "/subscribers/by-email/x@example.com",
            lambda ids: {"subscriptions": [{"list": ids["lists"]}]},
            {"/subscriptions/0/list"},
        ),
    ],
)
def test_ids_of_another_workspace_in_a_body_name_nothing(method, path, body, pointers):
    ours, theirs = make_world(), make_world()
    before = theirs.snapshot()

    answer = Api(ours.workspace)(method, path, body(theirs.ids))

    assert answer.status_code == 400
    assert {fault["pointer"] for fault in answer.json()["errors"]} == pointers
    assert {fault["code"] for fault in answer.json()["errors"]} == {"not_found"}
    assert theirs.snapshot() == before


def test_ids_of_another_workspace_in_verbs_of_ones_own_name_nothing():
    ours, theirs = make_world(), make_world()
    api, before = Api(ours.workspace), theirs.snapshot()

    for action in ("subscribe", "unsubscribe", "ask_again", "untag", "apply", "render", "triggers"):
        operation = next(one for one in operations() if one.action == action)
        body = BODIES[action](theirs.ids)
        answer = api(operation.method, ours.fill(operation.path), body, match="*")
        assert {fault["code"] for fault in answer.json()["errors"]} == {"not_found"}

    assert theirs.snapshot() == before


def test_filters_and_collections_show_ones_own_only():
    ours, theirs = make_world(), make_world()
    api = Api(ours.workspace)

    for operation in COLLECTIONS:
        shown = api("GET", operation.path).content.decode()
        assert [name for name, one in theirs.ids.items() if f'"{one}"' in shown] == []
        for name in operation.view.filters().fields:
            for foreign in (theirs.ids.get(f"{name}s"), theirs.ids["lists"]):
                answer = api("GET", f"{operation.path}?{name}={foreign}")
                assert answer.status_code in (400, 404) or answer.json()["data"] == []


def test_a_cursor_of_another_workspace_is_refused():
    ours, theirs = make_world(), make_world()
    Api(theirs.workspace)("POST", "/lists", {"name": "Second"})
    cursor = Api(theirs.workspace)("GET", "/lists?limit=1").json()["next_cursor"]

    answer = Api(ours.workspace)("GET", f"/lists?cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


def test_the_same_names_live_in_both_workspaces():
    ours, theirs = make_world(), make_world()
    bodies = {
        "/lists": {"name": "News"},
        "/templates": {"name": "News", "subject": "x"},
        "/subscribers": {"email": "ada@example.com"},
        "/suppressions": {"email": "ada@example.com"},
    }

    for path, body in bodies.items():
        made = [Api(world.workspace)("POST", path, body) for world in (ours, theirs)]
        assert [answer.status_code for answer in made] == [201, 201]
        assert made[0].json()["id"] != made[1].json()["id"]
