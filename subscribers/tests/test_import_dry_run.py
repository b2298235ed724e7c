from __future__ import annotations

import csv
import json
from io import StringIO

import pytest
from django.core.management import call_command

from accounts.audit import SUBSCRIBER, SYSTEM
from accounts.models import AuditEntry
from subscribers import services
from subscribers.imports import chunks
from subscribers.models import Event, Import, List, Subscriber, Subscription
from subscribers.services import Consent
from subscribers.tests.factories import ListFactory, SubscriberFactory

pytestmark = pytest.mark.django_db
HEADER = "email,first name,city\n"
FILE = HEADER + (
    "new@example.com,Nell,Oslo\n"
    "nobody,,\n"
    "Ada@example.com,Ada,Rome\n"
    "bob@example.com,,\n"
    "gone@example.com,Gus,\n"
    "ada@example.com,,Bonn\n"
    "stop@example.com,Stu,\n"
    "new@example.com,Nelly,\n"
)


@pytest.fixture
def news():
    return ListFactory(slug="news")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(FILE)
    return path


@pytest.fixture(params=[1, 10_000], ids=["a row a chunk", "one chunk"])
def chunk_rows(request, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", request.param)


def somebody(news, name, **more):
    return SubscriberFactory(workspace=news.workspace, email=f"{name}@example.com", **more)


def command(file, *options):
    out = StringIO()
    workspace = List.objects.get(slug="news").workspace.slug
    argv = ["import_subscribers", str(file), "--workspace", workspace, "--list", "news", "--json"]
    argv += options
    call_command(*argv, stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


@pytest.mark.usefixtures("chunk_rows")
def test_a_dry_run_tells_what_the_import_then_does_and_stores_nothing(file, news):
    somebody(news, "ada", first_name="Ada", fields={"city": "Rome"})
    somebody(news, "bob", first_name="Bob")
    gone = somebody(news, "gone", first_name="Gus")
    services.subscribe(gone, to=news, by=SYSTEM, consent=Consent("paper"), confirmed=True)
    services.unsubscribe(gone, by=SUBSCRIBER)  # which is also a no to everything
    services.suppress(news.workspace, email="stop@example.com", reason="complaint", by=SYSTEM)
    SubscriberFactory(email="new@example.com")  # in another workspace
    before = (list(Subscriber.objects.values()), list(Subscription.objects.values()))
    logged = Event.objects.count(), AuditEntry.objects.count()

    told = command(file, "--dry-run")

    assert told == {
        "created": 2, "updated": 1, "unchanged": 2, "suppressed": 2, "unsubscribed": 1,
        "duplicates": 2, "refused": 1, "barred": 0, "erased": 0, "hints": {},
        "samples": [{"email": "ada@example.com", "changes": {"city": ["Rome", "Bonn"]}}],
    }  # fmt: skip
    with file.with_name("people.csv.errors.csv").open(newline="") as errors:
        assert [row[0] for row in csv.reader(errors)] == ["import_line", "3"]
    assert (list(Subscriber.objects.values()), list(Subscription.objects.values())) == before
    assert (Event.objects.count(), AuditEntry.objects.count()) == logged
    assert not Import.objects.exists()

    done = command(file)

    assert (done["created"], done["refused"]) == (2, 1)
    updated = Event.objects.filter(kind="subscriber.updated")
    assert {event.subscriber.email for event in updated} - {"new@example.com"} == {
        "ada@example.com"
    }
    again = command(file, "--dry-run")
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 5)


@pytest.mark.usefixtures("chunk_rows")
@pytest.mark.parametrize(
    ("policy", "person", "newcomer", "changed"),
    [
        ("overwrite", ("Augusta", "Bonn"), "Nelly", 1),
        ("fill", ("Ada", "Rome"), "Nell", 1),
        ("skip", ("Ada", None), "Nell", 0),
    ],
)
def test_a_policy_says_what_a_row_may_change(file, news, policy, person, newcomer, changed):
    ada = somebody(news, "ada", first_name="Ada", fields={"vip": True})
    file.write_text(FILE.replace("Ada,Rome", "Augusta,Rome"))

    told = command(file, "--dry-run", "--existing", policy)
    command(file, "--existing", policy)

    ada.refresh_from_db()
    assert (ada.first_name, ada.fields.get("city")) == person
    assert ada.fields["vip"] is True
    assert Subscriber.objects.get(email="new@example.com").first_name == newcomer
    assert Subscription.objects.filter(list=news, subscriber=ada).count() == 1
    assert (told["created"], told["updated"]) == (4, changed)
    events = Event.objects.filter(kind="subscriber.updated", subscriber=ada)
    assert events.exists() is bool(changed)


def test_another_policy_is_another_import_and_is_audited(file, news):
    command(file)
    command(file, "--existing", "skip")

    assert Import.objects.values("digest").distinct().count() == 2
    started = AuditEntry.objects.filter(verb="import.started").order_by("id")
    assert [entry.changes.get("policy") for entry in started] == [None, "skip"]
