from __future__ import annotations

import csv
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from subscribers import services
from subscribers.models import Subscriber
from subscribers.services import Consent
from subscribers.tests.factories import ListFactory, SubscriberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def news():
    news = ListFactory(slug="news")
    place(news, "ada", first_name="Ada", fields={"seats": -5, "vip": True, "note": "=1+1"})
    place(news, "bob", first_name="@Bob, “B”", fields={"parts": ["a", {"b": "ä"}]})
    place(news, "pia", confirmed=False)
    place(ListFactory(workspace=news.workspace, slug="other"), "eve", fields={"secret": "x"})
    return news


def place(to, name, *, confirmed=True, **more):
    person = SubscriberFactory(workspace=to.workspace, email=f"{name}@example.com", **more)
    consent = Consent("paper") if confirmed else None
    services.subscribe(person, to=to, by=SYSTEM, consent=consent, confirmed=confirmed)


def export(path, news, *options):
    out = StringIO()
    argv = [str(path), "--workspace", news.workspace.slug, "--list", "news", *options]
    call_command("export_subscribers", *argv, stdout=out)
    with path.open(newline="", encoding="utf-8") as file:
        return out.getvalue(), list(csv.reader(file))


def test_people_are_written_with_what_is_known_and_no_formula(news, tmp_path):
    names = ["first_name", "last_name", "time_zone"]
    Subscriber.objects.update(last_name="", time_zone="")

    said, rows = export(tmp_path / "people.csv", news)

    assert rows == [
        ["email", *names, "note", "parts", "seats", "vip"],
        ["ada@example.com", "Ada", "", "", "'=1+1", "", "-5", "yes"],
        ["bob@example.com", "'@Bob, “B”", "", "", "", '["a", {"b": "ä"}]', "", ""],
    ]
    assert said == f"2 people in {tmp_path / 'people.csv'}\n"
    assert (tmp_path / "people.csv").stat().st_mode & 0o077 == 0
    entry = AuditEntry.objects.get(verb="list.exported")
    assert entry.changes == {"state": "confirmed", "tag": None, "people": 2}


def test_only_those_asked_for_are_written(news, tmp_path):
    services.tag(Subscriber.objects.get(email="bob@example.com"), name="vip", by=SYSTEM)

    tagged = export(tmp_path / "tagged.csv", news, "--tag", "vip")[1]
    pending = export(tmp_path / "pending.csv", news, "--state", "pending")[1]

    assert [row[0] for row in tagged] == ["email", "bob@example.com"]
    assert [row[0] for row in pending] == ["email", "pia@example.com"]


def test_raw_is_what_an_import_takes_back_without_a_change(news, tmp_path):
    Subscriber.objects.filter(email="bob@example.com").update(fields={})
    path = tmp_path / "people.csv"
    rows = export(path, news, "--raw")[1]
    seats = {"key": "seats", "label": "Seats", "kind": "number"}
    services.create_field(news.workspace, **seats, by=SYSTEM)
    vip = {"key": "vip", "label": "VIP", "kind": "boolean"}
    services.create_field(news.workspace, **vip, by=SYSTEM)
    before = list(Subscriber.objects.values())
    out = StringIO()

    argv = [str(path), "--workspace", news.workspace.slug, "--list", "news"]
    call_command("import_subscribers", *argv, stdout=out, stderr=StringIO())

    assert rows[1][-3:] == ["=1+1", "-5", "yes"]
    assert "0 new, 0 changed, 2 unchanged, 0 refused" in out.getvalue()
    assert list(Subscriber.objects.values()) == before


def test_a_file_that_cannot_be_written_says_so_and_is_no_export(news, tmp_path):
    with pytest.raises(CommandError, match="The file cannot be written"):
        export(tmp_path / "nowhere" / "people.csv", news)

    assert not AuditEntry.objects.filter(verb="list.exported").exists()
