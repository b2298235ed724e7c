from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from emailseq.lib.errors import Invalid
from subscribers import services
from subscribers.models import Event, Subscriber
from subscribers.tests.factories import (
    CustomFieldFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


def recorded(person):
    """Kind and properties of a person's events, oldest first."""
    events = Event.objects.filter(subscriber=person).order_by("id")
    return [(event.kind, event.properties) for event in events]


def test_a_new_address_becomes_a_person(workspace):
    person, result = services.upsert(
        workspace, email=" Ada@Straße.de ", by=SYSTEM, first_name="Ada", fields={"city": "London"}
    )

    person.refresh_from_db()
    assert result == "created"
    assert (person.email, person.address_key) == ("Ada@xn--strae-oqa.de", "ada@xn--strae-oqa.de")
    assert (person.first_name, person.fields) == ("Ada", {"city": "London"})
    assert recorded(person) == [
        ("subscriber.created", {"fields": ["first_name", "fields"], "by": "system"})
    ]


def test_the_same_address_is_the_same_person(workspace):
    ada, _ = services.upsert(workspace, email="ada@example.com", by=SYSTEM, first_name="Ada")

    same, result = services.upsert(workspace, email="ADA@example.com", by=SYSTEM, last_name="King")
    elsewhere, _ = services.upsert(WorkspaceFactory(), email="ada@example.com", by=SYSTEM)

    assert (same, result) == (ada, "updated")
    assert (same.first_name, same.last_name, same.email) == ("Ada", "King", "ada@example.com")
    assert same.updated_at > ada.updated_at
    assert elsewhere != ada
    changed = {"fields": ["last_name"], "changed": {"last_name": ["", "King"]}, "by": "system"}
    assert recorded(ada)[1:] == [("subscriber.updated", changed)]


def test_nothing_new_changes_and_records_nothing(workspace):
    ada, _ = services.upsert(
        workspace, email="ada@example.com", by=SYSTEM, first_name="Ada", fields={"a": 1}
    )

    same, result = services.upsert(
        workspace, email="ada@example.com", by=SYSTEM, first_name="Ada", fields={"a": 1}
    )

    assert result == "unchanged"
    assert same.updated_at == ada.updated_at
    assert len(recorded(ada)) == 1


def test_fields_are_merged_member_by_member_and_none_clears(workspace):
    address = "ada@example.com"
    services.upsert(workspace, email=address, by=SYSTEM, fields={"a": 1, "b": [2], "c": "x"})

    person, _ = services.upsert(
        workspace, email=address, by=SYSTEM, fields={"b": {"d": 3}, "c": None}
    )

    assert person.fields == {"a": 1, "b": {"d": 3}}
    assert recorded(person)[-1][1]["changed"] == {"b": [[2], {"d": 3}], "c": ["x", None]}


def test_a_change_says_what_was_there_before(workspace):
    address = "ada@example.com"
    services.upsert(workspace, email=address, by=SYSTEM, fields={"plan": "free"})

    services.upsert(
        workspace,
        email=address,
        by=SYSTEM,
        time_zone="Europe/Berlin",
        fields={"plan": "pro", "seats": 3},
    )

    [event] = Event.objects.filter(kind="subscriber.updated")
    assert event.properties == {
        "fields": ["time_zone", "fields"],
        "changed": {
            "plan": ["free", "pro"],
            "seats": [None, 3],
            "time_zone": ["", "Europe/Berlin"],
        },
        "by": "system",
    }


@pytest.mark.parametrize(
    ("attributes", "pointer", "code"),
    [
        ({"email": "nobody"}, "/email", "invalid_email"),
        ({"email": "a\0@example.com"}, "/email", "invalid_email"),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "/email", "invalid_email"),
        ({"first_name": "A\0da"}, "/first_name", "invalid_characters"),
        ({"last_name": "\ud800"}, "/last_name", "invalid_characters"),
        ({"first_name": "x" * 101}, "/first_name", "too_long"),
        ({"last_name": "x" * 101}, "/last_name", "too_long"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone", "invalid_time_zone"),
        ({"fields": {"note": "\0"}}, "/fields", "invalid_characters"),
        ({"fields": {"\ud800": 1}}, "/fields", "invalid_characters"),
        ({"fields": {"age": "old"}}, "/fields/age", "field_type"),
        ({"fields": {"note": "x" * 70_000}}, "/fields", "too_long"),
    ],
)
def test_bad_values_are_refused_and_what_is_stored_stays(workspace, attributes, pointer, code):
    CustomFieldFactory(workspace=workspace, key="age", kind="number")
    person, _ = services.upsert(
        workspace, email="ada@example.com", by=SYSTEM, first_name="Ada", fields={"age": 36}
    )

    with pytest.raises(Invalid) as caught:
        services.upsert(workspace, **{"email": "ada@example.com", "by": SYSTEM, **attributes})

    assert [(error.pointer, error.code) for error in caught.value.errors] == [(pointer, code)]
    stored = Subscriber.objects.of(workspace).get()
    assert (stored.first_name, stored.last_name, stored.fields) == (
        "Ada",
        "Lovelace"[:0],
        {"age": 36},
    )
    assert len(recorded(person)) == 1
