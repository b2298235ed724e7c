"""The people that a list shows leave as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.backoffice import sign_in
from subscribers import exports, services
from subscribers.tests.factories import ListFactory, SubscriberFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db
EXPORT = "/admin/subscribers/subscriber/export/"


def exported(client, **query):
    answer = client.get(EXPORT, query)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="subscribers.csv"'
    return list(csv.reader(io.StringIO(b"".join(answer).decode())))


def test_whoever_the_list_shows_leaves_in_pages_and_as_no_formula(monkeypatch):
    monkeypatch.setattr(exports, "_AT_ONCE", 2)
    client = sign_in()
    news = ListFactory(workspace=client.workspace)
    people = [
        SubscriberFactory(
            workspace=client.workspace,
            email=f"p{n}@example.com",
            first_name="=1+1",
            fields={"n": n},
        )
        for n in range(5)
    ]
    for person in people[:4]:
        SubscriptionFactory(list=news, subscriber=person)
    services.unsubscribe(people[0], by=SYSTEM, from_list=news)
    services.tag(people[1], name="VIP", by=SYSTEM)
    SubscriberFactory(email="stranger@example.com")

    assert [row[0] for row in exported(client)[1:]] == [f"p{n}@example.com" for n in range(5)]
    assert exported(client, list=news.pk, state="unsubscribed") == [
        ["email", "first_name", "last_name", "time_zone", "n"],
        ["p0@example.com", "'=1+1", "Lovelace", "", "0"],
    ]
    assert [row[0] for row in exported(client, list=news.pk, q="p3")[1:]] == ["p3@example.com"]
    tag = people[1].tags.get().tag_id
    assert [row[0] for row in exported(client, tag=tag)[1:]] == ["p1@example.com"]
    entry = AuditEntry.objects.filter(verb="subscribers.exported").latest("id")
    assert entry.changes == {"shown": {"tag": str(tag)}, "people": 1}


def test_an_export_takes_the_permission_for_it():
    client = sign_in(role="Marketer")

    assert client.get("/admin/subscribers/subscriber/").status_code == 200
    assert client.get(EXPORT).status_code == 403


def test_filters_name_what_is_of_the_workspace_and_ignore_the_rest():
    client = sign_in()
    SubscriberFactory(workspace=client.workspace, email="ada@example.com")
    foreign = ListFactory(name="Foreign secret")

    page = client.get("/admin/subscribers/subscriber/", {"list": foreign.pk})

    assert "Foreign secret" not in page.text
    assert "ada@example.com" in page.text
