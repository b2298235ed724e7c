from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from subscribers import services
from subscribers.facts import CustomEvent
from subscribers.models import CustomField, Segment, Tag
from subscribers.tests.factories import SubscriberFactory

pytestmark = pytest.mark.django_db


def url(kind, verb, target=None):
    return reverse(f"admin:subscribers_{kind}_{verb}", args=[target.pk] if target else [])


def make_plan(client):
    return services.create_field(
        client.workspace,
        key="plan",
        label="Plan",
        kind="choice",
        choices=["free", "Pro"],
        by=SYSTEM,
    )


def test_a_choice_is_made_and_changed_a_line_each():
    client = sign_in()

    refused = act(client, url("customfield", "create"), label="Plan", key="plan", kind="choice")
    made = act(
        client,
        url("customfield", "create"),
        label="Plan",
        key="plan",
        kind="choice",
        choices=" free \n\nPro\n",
    )

    assert "A choice is made among 1 to 100 choices." in refused.content.decode()
    assert is_done(made)
    plan = CustomField.objects.get()
    assert plan.choices == ["free", "Pro"]
    assert "free\nPro</textarea>" in client.get(url("customfield", "edit", plan)).content.decode()
    act(client, url("customfield", "edit", plan), label="Tariff", choices="free\nPro\nteam")
    plan.refresh_from_db()
    assert (plan.label, plan.choices) == ("Tariff", ["free", "Pro", "team"])


def test_a_person_picks_among_the_choices():
    client = sign_in()
    make_plan(client)
    person = SubscriberFactory(workspace=client.workspace)
    edit = url("subscriber", "edit", person)

    assert is_done(act(client, edit, first_name="Ada", field_plan="Pro"))
    refused = act(client, edit, first_name="Ada", field_plan="gold")

    person.refresh_from_db()
    assert person.fields == {"plan": "Pro"}
    assert not is_done(refused)


def test_a_value_that_is_a_choice_no_longer_stays_until_it_is_touched():
    client = sign_in()
    plan = make_plan(client)
    person = SubscriberFactory(workspace=client.workspace, fields={"plan": "Pro"})
    services.update_field(plan, by=SYSTEM, choices=["free"])

    assert is_done(act(client, url("subscriber", "edit", person), first_name="A", field_plan="Pro"))

    person.refresh_from_db()
    assert (person.first_name, person.fields) == ("A", {"plan": "Pro"})


def test_what_a_rule_names_is_not_deleted():
    client = sign_in()
    plan, vip = make_plan(client), services.create_tag(client.workspace, name="VIP", by=SYSTEM)
    rule = {"all": [{"field": "plan", "op": "set"}, {"tag": vip.public_id, "op": "has"}]}
    segment = Segment.objects.create(workspace=client.workspace, name="Few", slug="f", rule=rule)

    for kind, target in (("customfield", plan), ("tag", vip)):
        refused = act(client, url(kind, "remove", target))
        assert "It is still used by “Few”." in refused.content.decode()
    segment.delete()
    for kind, target in (("customfield", plan), ("tag", vip)):
        assert is_done(act(client, url(kind, "remove", target)))
    assert (CustomField.objects.count(), Tag.objects.count()) == (0, 0)


def test_tags_are_made_and_renamed():
    client = sign_in()

    assert is_done(act(client, url("tag", "create"), name="Key account"))
    tag = Tag.objects.get()
    assert is_done(act(client, url("tag", "edit", tag), name="Key", slug="key"))

    tag.refresh_from_db()
    assert (tag.name, tag.slug) == ("Key", "key")


def test_the_names_of_events_are_listed_with_what_came_with_them():
    client = sign_in()
    ada = SubscriberFactory(workspace=client.workspace)
    told = CustomEvent("order_placed", uid=ada.uid, properties={"total": 1, "sku": "x"})
    services.record_event(client.workspace, told, by=SYSTEM)

    page = client.get(url("eventname", "changelist")).content.decode()

    assert "order_placed" in page
    assert "total (number), sku (text)" in page or "sku (text), total (number)" in page
