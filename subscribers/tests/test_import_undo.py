"""What an import has brought is taken back, as far as nobody has built on it since."""

from __future__ import annotations

import csv
import io

import psycopg
import pytest
from django.db import connection

from accounts.audit import SUBSCRIBER, SYSTEM
from accounts.models import AuditEntry
from emailseq.lib import clock
from emailseq.lib.errors import Conflict, StateConflict
from subscribers import services
from subscribers.imports import chunks, jobs, parts, undo, work
from subscribers.models import (
    Event,
    Import,
    ImportPart,
    SignUp,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.services import Consent
from subscribers.tests.factories import ListFactory, SubscriberFactory

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
HEADER = "email,first name,town\n"
CLEAN = {
    "people_removed": 0, "people_kept": 0, "values_restored": 0, "values_kept": 0,
    "places_removed": 0, "places_kept": 0, "suppressions_lifted": 0,
}  # fmt: skip


@pytest.fixture
def news():
    return ListFactory(slug="news", opt_in="single")


def bring_in(news, rows, **settings):
    content = [(HEADER + "".join(f"{row}\n" for row in rows)).encode()]
    told = {"file_name": "people.csv", "content": content, "list": news, "by": SYSTEM}
    job = jobs.upload(news.workspace, **told, **settings)
    jobs.start(job, by=SYSTEM)
    return work_all(job)


def work_all(job):
    while work.go_on():
        job.refresh_from_db()
    job.refresh_from_db()
    return job


def take_back(job):
    jobs.undo(job, by=SYSTEM)
    assert work_all(job).state == "undone"
    return {name: count for name, count in job.undo_report.items() if count}


def kept(job):
    text = b"".join(parts.contents(job, ImportPart.Kind.KEPT)).decode()
    return list(csv.reader(io.StringIO(text)))[1:]


def snapshot():
    rows = [
        list(Subscriber.objects.order_by("pk").values(*names))
        for names in [("email", "first_name", "last_name", "time_zone", "fields")]
    ]
    return [*rows, list(Subscription.objects.order_by("pk").values())]


def test_all_is_as_it_was(news, monkeypatch):
    monkeypatch.setattr(undo, "BATCH", 2)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 2)
    ada = SubscriberFactory(
        workspace=news.workspace, email="ada@example.com", fields={"town": "Rome", "n": {"a": None}}
    )
    services.subscribe(ada, to=news, by=SYSTEM, consent=Consent("fair"), confirmed=True)
    before = snapshot()
    rows = ["ada@example.com,Augusta,Oslo", "bob@example.com,Bob,Bern", "cy@example.com,Cy,"]
    job = bring_in(news, [*rows, "ada@example.com,Zoe,"])
    assert Subscriber.objects.count() == 3

    assert take_back(job) == {"people_removed": 2, "values_restored": 2, "places_removed": 2}

    assert snapshot() == before
    assert kept(job) == []
    last = Event.objects.filter(subscriber=ada).order_by("-id").first()
    assert last.properties["changed"] == {"first_name": ["Zoe", "Ada"], "town": ["Oslo", "Rome"]}
    assert Event.objects.filter(kind="import.undone").get().properties["people_removed"] == 2
    entries = AuditEntry.objects.filter(verb__startswith="import.undo").order_by("id")
    assert [entry.verb for entry in entries] == ["import.undo_started", "import.undone"]
    with pytest.raises(StateConflict):
        jobs.undo(job, by=SYSTEM)
    again = bring_in(news, rows)
    assert (again.created_count, again.updated_count) == (2, 1)


def test_what_has_changed_since_stays_and_is_listed(news):
    ada = SubscriberFactory(workspace=news.workspace, email="ada@example.com", first_name="Ada")
    names = ("bob", "cy", "dora", "eve")
    rows = ["ada@example.com,Augusta,Rome", *(f"{name}@example.com,X,Bern" for name in names)]
    job = bring_in(news, rows)
    bob, cy, dora, eve = (Subscriber.objects.get(email=f"{name}@example.com") for name in names)
    services.upsert(news.workspace, email=ada.email, by=SYSTEM, first_name="Countess")
    services.upsert(news.workspace, email=bob.email, by=SYSTEM, last_name="Builder")
    services.unsubscribe(cy, from_list=news, by=SUBSCRIBER)
    services.tag(dora, name="VIP", by=SYSTEM)

    assert take_back(job) == {
        "people_removed": 1, "people_kept": 3, "values_restored": 1, "values_kept": 1,
        "places_removed": 4, "places_kept": 1,
    }  # fmt: skip

    ada.refresh_from_db()
    assert (ada.first_name, ada.fields) == ("Countess", {})
    assert set(Subscriber.objects.all()) == {ada, bob, cy, dora}
    assert not Subscriber.objects.filter(pk=eve.pk).exists()
    assert list(Subscription.objects.values_list("subscriber", "state")) == [
        (cy.pk, "unsubscribed")
    ]
    since = "Something has been sent to them or was done by them since."
    assert kept(job) == [
        ["ada@example.com", "first_name", "It has been changed since."],
        ["cy@example.com", "place on the list", "It has changed since."],
        ["bob@example.com", "the person", since],
        ["cy@example.com", "the person", since],
        ["dora@example.com", "the person", since],
    ]


def test_whoever_is_named_anywhere_stays(news):
    job = bring_in(news, ["ada@example.com,Ada,", "bob@example.com,Bob,"])
    ada = Subscriber.objects.get(email="ada@example.com")
    form = services.create_form(
        news.workspace,
        name="Join",
        lists=[ListFactory(workspace=news.workspace)],
        consent_text="Yes",
        by=SYSTEM,
    )
    sign_up = {"lists": [], "consent_version": 1, "network": "x", "at": clock.now()}
    SignUp.objects.create(form=form, workspace=news.workspace, subscriber=ada, **sign_up)

    assert take_back(job) == {"people_removed": 1, "people_kept": 1, "places_removed": 2}

    assert Subscriber.objects.get() == ada


def test_a_confirmation_that_was_vouched_for_is_pending_again(news):
    news.opt_in = "double"
    news.save()
    ada = SubscriberFactory(workspace=news.workspace, email="ada@example.com")
    place = services.subscribe(ada, to=news, by=SYSTEM)
    job = bring_in(news, ["ada@example.com,,"], confirmed=True, consent_source="a hunch")
    place.refresh_from_db()
    assert place.state == "confirmed"

    assert take_back(job) == {"places_removed": 1}

    place.refresh_from_db()
    assert (place.state, place.confirmed_at, place.consent_source) == ("pending", None, "")


def test_suppressions_are_lifted_that_nobody_else_has_spoken_for(news):
    text = "email\nada@example.com\nbob@example.com\ncy@example.com\n"
    told = {"file_name": "left.csv", "content": [text.encode()], "kind": "suppressions"}
    job = jobs.upload(news.workspace, **told, by=SYSTEM)
    jobs.start(job, by=SYSTEM)
    work_all(job)
    bob = SubscriberFactory(workspace=news.workspace, email="bob@example.com")
    services.unsubscribe(bob, by=SUBSCRIBER)  # as strong a word, of their own
    services.suppress(news.workspace, email="cy@example.com", reason="complaint", by=SYSTEM)

    assert take_back(job) == {"suppressions_lifted": 1}

    left = Suppression.objects.order_by("address_key").values_list("address_key", "reason")
    assert list(left) == [("bob@example.com", "unsubscribed"), ("cy@example.com", "unsubscribed")]


def test_nobody_goes_while_a_transaction_runs_that_may_have_seen_them(news):
    job = bring_in(news, ["ada@example.com,Ada,"])
    with psycopg.connect(connection.connection.info.dsn) as other:
        other.execute("SELECT pg_current_xact_id()")
        jobs.undo(job, by=SYSTEM)
        assert work.go_on() == work.go_on() == 1
        assert (Subscriber.objects.count(), Subscription.objects.count()) == (1, 0)

    work_all(job)

    assert (job.state, Subscriber.objects.count()) == ("undone", 0)


def test_a_cancelled_import_can_be_undone_and_an_old_one_cannot(news, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 1)
    content = [f"{HEADER}ada@example.com,Ada,\nbob@example.com,Bob,\n".encode()]
    told = {"file_name": "people.csv", "content": content, "list": news, "by": SYSTEM}
    job = jobs.upload(news.workspace, **told)
    jobs.start(job, by=SYSTEM)
    work.go_on(seconds=0)
    jobs.cancel(job, by=SYSTEM)

    assert take_back(job) == {"people_removed": 1, "places_removed": 1}

    old = {"list": news, "file_name": "old.csv", "digest": "x", "state": "finished"}
    with pytest.raises(Conflict, match="older than what could undo it"):
        jobs.undo(Import.objects.create(workspace=news.workspace, line_count=3, **old), by=SYSTEM)
