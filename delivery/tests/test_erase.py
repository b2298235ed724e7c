"""Forgetting somebody: nothing that names them is left, nothing reaches them, numbers stay."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from accounts import audit
from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from delivery.models import Callback, Outbox, SendLedger
from delivery.services import personal
from delivery.services.confirmations import ask
from delivery.tests.factories import SenderFactory, queue
from emailseq.lib import clock
from emailseq.lib.errors import Erased
from subscribers import services as people
from subscribers.models import Event, Subscriber, Suppression
from subscribers.services import Consent
from subscribers.tests.factories import ListFactory

pytestmark = pytest.mark.django_db
ADDRESS, NAME, SECRET = "ada.lovelace@example.com", "Augusta", "likes-engines"


@pytest.fixture
def news():
    return ListFactory(name="Harbour news")


@pytest.fixture
def ada(news):
    """Somebody of whom there is something everywhere."""
    person, _ = people.upsert(
        news.workspace, email=ADDRESS.title(), first_name=NAME, fields={"note": SECRET}, by=SYSTEM
    )
    people.upsert(news.workspace, email=ADDRESS, first_name="Ada", fields={"note": "x"}, by=SYSTEM)
    SenderFactory(workspace=news.workspace)
    people.subscribe(person, to=news, by=SYSTEM, consent=Consent("fair", "Yes", "192.0.2.7"))
    ask([(person.pk, news.pk)], now=clock.now())
    people.tag(person, name="engineers", by=SYSTEM)
    queue([person], on=news)
    audit.record(news.workspace, "x.done", by=SYSTEM, on=person, changes={"to": ADDRESS})
    return person


def rows_that_name(text):
    """The tables in whose rows a text stands, whatever the column."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        tables = [name for (name,) in cursor.fetchall()]
        found = set()
        for table in tables:
            cursor.execute(
                f'SELECT 1 FROM "{table}" AS r WHERE lower(r::text) LIKE %s LIMIT 1',
                [f"%{text.lower()}%"],
            )
            found |= {table} if cursor.fetchone() else set()
    return found


def test_nothing_that_names_them_is_left(ada, news):
    Callback.objects.create(
        form="mail",
        origin="pipe",
        sha256=b"1" * 32,
        body=f"To: {ADDRESS}".encode(),
        applied_at=clock.now(),
    )
    assert rows_that_name(ADDRESS) > {"subscribers_subscriber", "accounts_auditentry"}

    assert personal.erase(ada, by=SYSTEM)

    assert rows_that_name(ADDRESS) == set()
    assert rows_that_name(NAME) == rows_that_name(SECRET) == rows_that_name("192.0.2.7") == set()
    assert not Callback.objects.filter(body__contains=ADDRESS.encode())
    assert personal.erase(ada, by=SYSTEM) is False
    assert AuditEntry.objects.filter(verb="subscriber.erased").count() == 1
    assert AuditEntry.objects.filter(verb="x.done", object_label="erased").count() == 1


def test_what_waits_is_cancelled_and_the_address_stays_unmailed(ada, news):
    personal.erase(ada, by=SYSTEM)

    assert not Outbox.objects.filter(cancelled_at=None).exists()
    kept = Suppression.objects.get()
    assert kept.address_key.startswith("keyed:")
    assert kept.reason == "unsubscribed"
    with pytest.raises(Erased):
        people.upsert(news.workspace, email=ADDRESS, by=SYSTEM)
    assert Subscriber.objects.count() == 1
    assert not people.restore(ada, by=SYSTEM)
    ada.refresh_from_db()
    assert ada.archived_at
    assert ada.erased_at


def test_numbers_stay(ada, news):
    row = Outbox.objects.get(kind="campaign")
    SendLedger.objects.create(
        id=row.pk + 1000,
        workspace=news.workspace,
        kind=row.kind,
        source_id=row.source_id,
        subscriber=ada,
        list=news,
        template_version_id=row.template_version_id,
        sender_id=row.sender_id,
        queued_at=row.queued_at,
        finished_at=clock.now(),
        outcome="failed",
        reason=f"550 no {ADDRESS} here",
        reply=f"550 no {ADDRESS} here",
    )
    before = Event.objects.count()

    personal.erase(ada, by=SYSTEM)

    ledger = SendLedger.objects.get()
    assert (ledger.outcome, ledger.reason, ledger.reply) == ("failed", "erased", "")
    assert Event.objects.count() == before + 2  # left the list, and was erased
    joined = Event.objects.get(kind="subscription.pending")
    assert joined.properties == {"by": "system", "list_id": news.pk}


def test_the_audit_trail_gives_up_names_and_nothing_else(ada):
    entry = AuditEntry.objects.filter(verb="x.done").get()
    for change in ({"verb": "y.done"}, {"object_label": "nobody"}):
        with pytest.raises(ProgrammingError), transaction.atomic():
            AuditEntry.objects.filter(pk=entry.pk).update(**change)

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL emailseq.erasing = 'on'")
    with pytest.raises(ProgrammingError), transaction.atomic():
        AuditEntry.objects.filter(pk=entry.pk).update(verb="y.done")


def test_by_the_command_and_the_api(ada, news):
    grace, _ = people.upsert(news.workspace, email="grace@example.com", by=SYSTEM)
    api = Api(news.workspace)

    answer = api("POST", f"/subscribers/{ada.public_id}/erase")
    with pytest.raises(CommandError, match="Say --yes"):
        call_command("erase_subscriber", grace.email, workspace=news.workspace.slug)
    call_command("erase_subscriber", grace.email, "--yes", workspace=news.workspace.slug)

    assert answer.status_code == 200
    assert answer.json()["erased_at"]
    assert Subscriber.objects.filter(erased_at=None).count() == 0
    assert (
        Api(news.workspace, "subscribers:write")(
            "POST", f"/subscribers/{ada.public_id}/erase"
        ).status_code
        == 403
    )


def test_a_copy_by_the_api_and_the_command(ada, news, tmp_path):
    path = tmp_path / "ada.zip"
    answer = Api(news.workspace)("POST", f"/subscribers/{ada.public_id}/export")
    call_command("export_subscriber", ada.public_id, path, workspace=news.workspace.slug)

    assert answer["Content-Type"] == "application/zip"
    for file in (io.BytesIO(answer.getvalue()), path):
        with zipfile.ZipFile(file) as archive:
            [profile] = json.loads(archive.read("profile.json"))
            events = json.loads(archive.read("events.json"))
        assert profile["fields"] == {"note": "x"}
        assert profile["email"] == ada.email
        assert len(events) == Event.objects.filter(subscriber=ada).count()
    exported = AuditEntry.objects.filter(verb="subscriber.exported", object_id=ada.pk)
    assert [entry.actor_kind for entry in exported.order_by("id")] == ["api_key", "command"]
    with pytest.raises(CommandError, match="exists"):
        call_command("export_subscriber", ada.public_id, path, workspace=news.workspace.slug)


def test_a_break_by_the_api(ada, news):
    api, until = Api(news.workspace), (clock.now() + timedelta(days=9)).replace(microsecond=0)
    path = f"/subscribers/{ada.public_id}/snooze"

    shown = api("POST", path, {"until": until.isoformat()}).json()

    assert datetime.fromisoformat(shown["snoozed_until"]) == until
    assert api("POST", path, {"until": "2020-01-01T00:00:00Z"}).status_code == 400
    assert api("POST", path, {}).status_code == 400
    assert api("POST", path, {"until": None}).json()["snoozed_until"] is None
