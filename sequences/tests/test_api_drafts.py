"""The draft over HTTP: steps in arms, the whole as one document, what starts and ends runs."""

from __future__ import annotations

import pytest

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from sequences.models import Sequence, Step
from sequences.tests.factories import EMAIL, SequenceFactory, make_draft
from subscribers.models import Tag
from templates_app.models import Template
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    made = WorkspaceFactory()
    TemplateFactory(workspace=made, slug="hello")
    Tag.objects.create(workspace=made, name="VIP", slug="vip")
    SequenceFactory(workspace=made, slug="welcome")
    return made


@pytest.fixture
def api(workspace):
    return Api(workspace)


def faults(answer):
    assert answer.status_code == 400, answer.json()
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}


STEPS = "/sequences/welcome/steps"
DRAFT = "/sequences/welcome/draft"
HAS_VIP = {"rule": {"tag": "vip", "op": "has"}}


def test_steps_are_put_into_arms_and_listed_in_order(api, workspace):
    branch = api(
        "POST",
        STEPS,
        {"kind": "branch", "key": "vips", "arms": [{"key": "yes", "when": HAS_VIP}]},
    )
    api("POST", STEPS, {"kind": "exit", "reason": "over"})
    mail = api(
        "POST",
        STEPS,
        {"kind": "email", "template": "hello", "parent": "vips", "arm": "yes", "key": "mail"},
    )
    api("POST", STEPS, {"kind": "wait", "delay": "P1W", "parent": "vips", "arm": "else"})

    assert (branch.status_code, branch.headers["Location"]) == (
        201,
        f"/api/v1/sequences/{Sequence.objects.get().public_id}/steps/vips",
    )
    assert branch.json()["arms"] == [
        {
            "key": "yes",
            "name": "",
            "when": {"rule": {"tag": Tag.objects.get().public_id, "op": "has"}},
        },
        {"key": "else", "name": ""},
    ]
    assert mail.json() == {
        "id": "mail",
        "kind": "email",
        "parent": "vips",
        "arm": "yes",
        "number": 1,
        "template": Template.objects.get().public_id,
    }
    listed = api("GET", STEPS).json()
    assert listed["next_cursor"] is None
    assert [(s["kind"], s["parent"], s["arm"], s["number"]) for s in listed["data"]] == [
        ("branch", None, "", 1),
        ("email", "vips", "yes", 1),
        ("wait", "vips", "else", 1),
        ("exit", None, "", 2),
    ]
    assert listed["data"][2]["delay"] == "P7D"


def test_steps_move_between_arms(api):
    api(
        "PUT",
        DRAFT,
        {
            "steps": [
                {"kind": "split", "key": "half", "arms": [{"key": "a"}, {"key": "b"}]},
                {"kind": "wait", "key": "pause", "delay": "P1D"},
            ]
        },
        match="*",
    )

    def move(**body):
        return api("POST", f"{STEPS}/pause/move", body).json()

    inside = move(to=1, parent="half", arm="b")
    still = move(to=1)
    outside = move(to=1, parent=None)
    assert (inside["parent"], inside["arm"]) == ("half", "b")
    assert (still["parent"], still["arm"]) == ("half", "b")
    assert (outside["parent"], outside["arm"], outside["number"]) == (None, "", 1)
    refused = api("POST", f"{STEPS}/pause/move", {"to": 1, "parent": "nope", "arm": "a"})
    assert faults(refused) == {("/parent", "not_found")}
    refused = api("POST", f"{STEPS}/pause/move", {"to": 1, "parent": "half", "arm": "c"})
    assert faults(refused) == {("/arm", "not_found")}


def test_a_step_is_duplicated(api):
    api("POST", STEPS, {"kind": "wait", "key": "pause", "delay": "P1D"})

    copy = api("POST", f"{STEPS}/pause/duplicate")

    assert (copy.status_code, copy.json()["number"], copy.json()["delay"]) == (201, 2, "P1D")
    assert Step.objects.count() == 2


def test_a_draft_is_put_read_and_undone(api):
    read = api("GET", DRAFT)
    assert (read.json(), read.headers["ETag"]) == ({"steps": []}, '"r1"')

    document = {"steps": [{"kind": "wait", "key": "pause", "delay": "P1D"}]}
    assert api("PUT", DRAFT, document).status_code == 428
    put = api("PUT", DRAFT, document, match='"r1"')
    again = api("PUT", DRAFT, document, match='"r2"')
    stale = api("PUT", DRAFT, {"steps": []}, match='"r1"')

    assert (put.status_code, put.json(), put.headers["ETag"]) == (200, document, '"r2"')
    assert (again.json(), again.headers["ETag"]) == (document, '"r2"')
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    undone = api("POST", f"{DRAFT}/undo", match='"r2"')
    assert (undone.json(), undone.headers["ETag"]) == ({"steps": []}, '"r3"')
    nothing = api("POST", f"{DRAFT}/undo", match="*")
    assert nothing.status_code == 409


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, ("/steps", "required")),
        ({"steps": {}}, ("/steps", "not_a_list")),
        ({"steps": [{"kind": "wait"}]}, ("/steps/0/delay", "required")),
        ({"steps": [], "x": 1}, ("/x", "unknown_field")),
        ({"steps": [{"kind": "exit", "reason": "a\0"}]}, ("/steps/0/reason", "invalid_characters")),
        (
            {"steps": [{"kind": "email", "template": "a\0"}]},
            ("/steps/0/template", "invalid_characters"),
        ),
        ({"steps": [{"kind": ["x"]}]}, ("/steps/0/kind", "invalid")),
        ({"steps": [{"kind": "email", "template": {"a": []}}]}, ("/steps/0/template", "not_found")),
    ],
)
def test_a_draft_that_is_none_is_refused(api, body, fault):
    assert faults(api("PUT", DRAFT, body, match="*")) == {fault}
    assert not Step.objects.exists()


def test_goals_exits_and_settings(api):
    tag = Tag.objects.get().public_id
    ended = api(
        "PUT",
        "/sequences/welcome/endings",
        {
            "goals": [{"name": "Vip", "when": HAS_VIP}],
            "exits": [{"name": "Re", "when": {"reply": True}}],
        },
        match="*",
    )
    changed = api(
        "PATCH",
        "/sequences/welcome",
        {
            "re_entry": "cooldown",
            "cooldown": "P30D",
            "entry_rule": HAS_VIP["rule"],
            "window": {"opens": "09:00", "closes": "17:00", "weekdays": [1]},
            "priority": 1,
        },
        match=ended.headers["ETag"],
    )

    assert ended.json()["goals"] == [{"name": "Vip", "when": {"rule": {"tag": tag, "op": "has"}}}]
    assert ended.json()["exits"] == [{"name": "Re", "when": {"reply": True}}]
    body = changed.json()
    assert (body["re_entry"], body["cooldown"], body["priority"]) == ("cooldown", "P30D", 1)
    assert body["entry_rule"] == {"tag": tag, "op": "has"}
    assert body["window"] == {
        "opens": "09:00",
        "closes": "17:00",
        "weekdays": [1],
        "zone": "subscriber",
    }
    refused = api(
        "PATCH",
        "/sequences/welcome",
        {"entry_rule": {"tag": "vipp", "op": "has"}, "window": {"opens": "9"}, "priority": 10},
        match="*",
    )
    assert ("/entry_rule/tag", "not_found") in faults(refused)
    assert ("/window/opens", "invalid") in faults(refused)
    assert ("/priority", "out_of_range") in faults(refused)


def test_checks_say_what_is_missing_and_what_is_odd(api):
    api("PUT", DRAFT, {"steps": [{"kind": "wait", "delay": "P1D"}]}, match="*")
    api(
        "PUT",
        "/sequences/welcome/endings",
        {"goals": [{"name": "x", "when": {"rule": {"event": "unheard"}}}]},
        match="*",
    )

    checks = api("GET", "/sequences/welcome/checks").json()

    assert checks["problems"] == [
        {"pointer": "/steps", "code": "required", "detail": "It sends nothing: add an email."}
    ]
    assert [each["code"] for each in checks["warnings"]] == ["unknown_event"]


def test_a_sequence_is_duplicated(api, workspace):
    original = make_draft(EMAIL, workspace=workspace, slug="trial")

    copy = api("POST", "/sequences/trial/duplicate", {"name": "Trial two"})

    assert copy.status_code == 201
    assert (copy.json()["slug"], copy.json()["state"]) == ("trial-two", "draft")
    made = Sequence.objects.get(slug="trial-two")
    assert copy.headers["Location"] == f"/api/v1/sequences/{made.public_id}"
    assert made.steps.get().template == original.steps.get().template
    taken = api("POST", "/sequences/trial/duplicate", {"name": "Trial"})
    assert (taken.status_code, taken.json()["code"]) == (409, "duplicate")


def test_a_list_of_steps_takes_no_filter(api):
    assert faults(api("GET", f"{STEPS}?kind=wait")) == {("/kind", "unknown_field")}
