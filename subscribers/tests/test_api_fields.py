from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from subscribers.models import CustomField, Subscriber

pytestmark = pytest.mark.django_db

PLAN = {"key": "plan", "label": "Plan", "kind": "choice", "choices": ["free", "Pro"]}


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


def faults(answer):
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}


def test_a_field_is_made_shown_and_changed(api):
    made = api("POST", "/fields", PLAN)
    path = made.headers["Location"]

    assert made.status_code == 201
    assert {name: made.json()[name] for name in PLAN} == PLAN
    changed = api("PATCH", path, {"label": "Tariff", "choices": ["free", "Pro", "team"]})
    assert changed.json()["label"] == "Tariff"
    assert changed.json()["choices"] == ["free", "Pro", "team"]
    assert [one["key"] for one in api("GET", "/fields").json()["data"]] == ["plan"]
    verbs = AuditEntry.objects.filter(verb__startswith="field.").values_list("verb", flat=True)
    assert sorted(verbs) == ["field.created", "field.updated"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"key": "Plan", "label": "x"}, {("/key", "invalid")}),
        ({"key": "email", "label": "x"}, {("/key", "reserved")}),
        ({"key": "x", "label": "x", "kind": "colour"}, {("/kind", "invalid_choice")}),
        ({"key": "x", "label": "x", "kind": "choice"}, {("/choices", "required")}),
        ({"key": "x", "label": "x", "choices": ["a"]}, {("/choices", "unexpected")}),
        ({**PLAN, "choices": ["a", "A"]}, {("/choices", "duplicate")}),
        ({**PLAN, "choices": [str(n) for n in range(101)]}, {("/choices", "too_many")}),
        ({**PLAN, "choices": ["x" * 101]}, {("/choices", "invalid")}),
        ({**PLAN, "choices": [""]}, {("/choices/0", "required")}),
    ],
)
def test_what_makes_no_field_is_named(api, body, expected):
    answer = api("POST", "/fields", body)

    assert (answer.status_code, faults(answer)) == (400, expected)
    assert not CustomField.objects.exists()


def test_key_and_kind_stay(api):
    path = api("POST", "/fields", PLAN).headers["Location"]

    refused = api("PATCH", path, {"key": "tariff", "kind": "text"})

    assert faults(refused) == {("/key", "unknown_field"), ("/kind", "unknown_field")}
    assert api("POST", "/fields", PLAN).json()["code"] == "duplicate"


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("choice", "Pro", "Pro"),
        ("choice", "pro", None),
        ("choice", 1, None),
        ("datetime", "2026-11-24T12:30:00+01:00", "2026-11-24T11:30:00Z"),
        ("datetime", "2026-11-24T12:30Z", "2026-11-24T12:30:00Z"),
        ("datetime", "2026-11-24T12:30:00.75Z", "2026-11-24T12:30:00Z"),
        ("datetime", "2026-11-24T12:30:00", None),
        ("datetime", "2026-11-24", None),
        ("datetime", "2026-02-30T12:00:00Z", None),
        ("datetime", "2026-11-24T12:00:00+99:00", None),
        ("datetime", "0001-01-01T00:00:00+14:00", None),
        ("datetime", 1700000000, None),
        ("date", "2026-11-24", "2026-11-24"),
        ("date", "20261124", None),
        ("date", "2026-W48-2", None),
    ],
)
def test_values_have_the_kind_of_their_field(api, kind, value, stored):
    choices = {"choices": ["free", "Pro"]} if kind == "choice" else {}
    api("POST", "/fields", {"key": "x", "label": "The X", "kind": kind, **choices})

    answer = api("PUT", "/subscribers/by-email/ada@example.com", {"fields": {"x": value}})

    if stored is None:
        assert faults(answer) == {("/fields/x", "field_type")}
        assert not Subscriber.objects.exists()
    else:
        assert answer.json()["fields"] == {"x": stored}


def test_a_refused_choice_says_what_there_is(api):
    api("POST", "/fields", PLAN)

    answer = api("PUT", "/subscribers/by-email/a@example.com", {"fields": {"plan": "gold"}})

    assert answer.json()["errors"][0]["detail"] == "Plan is one of: free, Pro."


def test_a_field_goes_and_its_values_stay(api):
    path = api("POST", "/fields", PLAN).headers["Location"]
    api("PUT", "/subscribers/by-email/ada@example.com", {"fields": {"plan": "free"}})

    assert api("DELETE", path).status_code == 204
    assert api("GET", path).status_code == 404
    assert Subscriber.objects.get().fields == {"plan": "free"}
    assert AuditEntry.objects.filter(verb="field.deleted").exists()
