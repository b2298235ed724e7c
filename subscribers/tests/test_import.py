from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.audit import SUBSCRIBER, SYSTEM
from accounts.models import AuditEntry
from emailseq.lib import clock
from emailseq.lib.errors import Conflict, Invalid
from subscribers import services
from subscribers.imports import chunks, run
from subscribers.imports.read import examine
from subscribers.models import Event, Import, List, Subscriber, Subscription, Suppression
from subscribers.services import Consent
from subscribers.tests.factories import (
    CustomFieldFactory,
    ListFactory,
    SubscriberFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PAPER = Consent("paper form")


@pytest.fixture
def news():
    return ListFactory(slug="news", name="News", opt_in="double")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email,first name,city\nada@example.com,Ada,Rome\nbob@example.com,Bob,\n")
    return path


@pytest.fixture
def errors(tmp_path):
    return tmp_path / "refused.csv"


def bring_in(file, to, errors, text=None, **options):
    if text is not None:
        file.write_text(text)
    return run.import_people(examine(file), to=to, by=SYSTEM, error_path=errors, **options)


def counts(job):
    return {name: getattr(job, f"{name}_count") for name in run.COUNTS}


def people(workspace):
    rows = Subscriber.objects.of(workspace).order_by("address_key")
    return [(row.email, row.first_name, row.fields) for row in rows]


def recorded(workspace):
    events = Event.objects.of(workspace).order_by("id")
    return [(event.kind, event.subscriber and event.subscriber.email) for event in events]


def refused(errors):
    with errors.open(newline="") as file:
        return list(csv.reader(file))


def test_people_places_events_and_counts_are_in_together(file, news, errors):
    with clock.frozen(NOON):
        job = bring_in(file, news, errors)

    job.refresh_from_db()
    assert counts(job) == {"created": 2, "updated": 0, "unchanged": 0, "refused": 0}
    assert (job.state, job.line_count, job.file_name, job.finished_at) == (
        "finished", 3, "people.csv", NOON,
    )  # fmt: skip
    assert people(news.workspace) == [
        ("ada@example.com", "Ada", {"city": "Rome"}),
        ("bob@example.com", "Bob", {}),
    ]
    assert recorded(news.workspace) == [
        ("subscriber.created", "ada@example.com"),
        ("subscriber.created", "bob@example.com"),
        ("subscription.pending", "ada@example.com"),
        ("subscription.pending", "bob@example.com"),
        ("import.finished", None),
    ]
    properties = {"by": "system", "list_id": news.pk, "import": job.public_id}
    assert Event.objects.of(news.workspace).get(kind="import.finished").properties == {
        **counts(job), **properties,
    }  # fmt: skip
    assert Event.objects.filter(kind="subscription.pending").first().properties == properties
    assert not errors.exists()


def test_without_a_vouched_consent_a_double_opt_in_list_holds_them_as_pending(file, news, errors):
    bring_in(file, news, errors, consent=Consent("web form"))

    place = Subscription.objects.first()
    assert (place.state, place.confirmed_at, place.consent_source) == ("pending", None, "web form")


def test_a_single_opt_in_list_confirms_at_once(file, errors):
    to = ListFactory(opt_in="single")

    bring_in(file, to, errors)

    place = Subscription.objects.first()
    assert place.state == "confirmed"
    assert place.confirmed_at is not None
    assert (place.consent_source, place.consented_at) == ("", None)


def test_confirmed_people_carry_the_consent_they_rest_on(file, news, errors):
    with clock.frozen(NOON):
        bring_in(file, news, errors, consent=PAPER, confirmed=True)

    place = Subscription.objects.first()
    assert (place.state, place.confirmed_at) == ("confirmed", NOON)
    assert (place.consent_source, place.consented_at) == ("paper form", NOON)
    assert [kind for kind, _ in recorded(news.workspace)][2:4] == ["subscription.confirmed"] * 2
    [started, finished] = AuditEntry.objects.order_by("id")
    assert (started.verb, started.changes) == (
        "import.started", {"list": "news", "consent_source": "paper form", "confirmed": True},
    )  # fmt: skip
    assert (finished.verb, finished.changes["created"]) == ("import.finished", 2)


@pytest.mark.parametrize("consent", [None, Consent("")])
def test_confirming_takes_a_consent(file, news, errors, consent):
    with pytest.raises(Invalid) as caught:
        bring_in(file, news, errors, consent=consent, confirmed=True)

    assert caught.value.errors[0].pointer == "/consent"
    assert not Subscriber.objects.exists()
    assert not Import.objects.exists()


def test_who_left_stays_left(file, news, errors):
    ada = SubscriberFactory(workspace=news.workspace, email="ada@example.com", first_name="")
    services.subscribe(ada, to=news, by=SYSTEM, consent=PAPER, confirmed=True)
    services.unsubscribe(ada, by=SUBSCRIBER)
    Event.objects.of(news.workspace)._raw_delete("default")

    bring_in(file, news, errors, consent=PAPER, confirmed=True)

    states = dict(Subscription.objects.values_list("subscriber__email", "state"))
    assert states == {"ada@example.com": "unsubscribed", "bob@example.com": "confirmed"}
    assert ("subscription.confirmed", "ada@example.com") not in recorded(news.workspace)
    assert ("subscriber.updated", "ada@example.com") in recorded(news.workspace)


def test_a_suppressed_address_comes_in_and_stays_suppressed(file, news, errors):
    services.suppress(news.workspace, email="ada@example.com", reason="hard_bounce", by=SYSTEM)

    job = bring_in(file, news, errors, consent=PAPER, confirmed=True)

    assert job.created_count == 2
    assert Suppression.objects.get().address_key == "ada@example.com"


def test_a_vouched_consent_confirms_who_was_pending_and_nobody_twice(file, news, errors):
    bring_in(file, news, errors)
    bob = Subscription.objects.get(subscriber__email="bob@example.com")
    services.confirm(bob, by=SUBSCRIBER, consent=Consent("link"))

    job = bring_in(file, news, errors, consent=PAPER, confirmed=True)

    assert counts(job) == {"created": 0, "updated": 0, "unchanged": 2, "refused": 0}
    sources = dict(Subscription.objects.values_list("subscriber__email", "consent_source"))
    assert sources == {"ada@example.com": "paper form", "bob@example.com": "link"}
    assert [
        event for event in recorded(news.workspace) if event[0] == "subscription.confirmed"
    ] == [
        ("subscription.confirmed", "bob@example.com"),
        ("subscription.confirmed", "ada@example.com"),
    ]


def test_a_file_without_a_consent_confirms_nobody_who_is_pending(file, errors):
    to = ListFactory(opt_in="double")
    bring_in(file, to, errors)
    List.objects.filter(pk=to.pk).update(opt_in="single")
    to.refresh_from_db()

    bring_in(file, to, errors)

    assert set(Subscription.objects.values_list("state", flat=True)) == {"pending"}


def test_what_a_row_says_overwrites_and_what_it_leaves_empty_stays(file, news, errors):
    ada = SubscriberFactory(
        workspace=news.workspace,
        email="Ada@example.com",
        first_name="Augusta",
        last_name="King",
        time_zone="Europe/London",
        fields={"city": "London", "vip": True},
    )
    bob = SubscriberFactory(
        workspace=news.workspace, email="bob@example.com", first_name="Bob", fields={"city": "Bern"}
    )

    job = bring_in(file, news, errors)

    ada.refresh_from_db()
    assert (ada.email, ada.first_name, ada.last_name) == ("Ada@example.com", "Ada", "King")
    assert (ada.time_zone, ada.fields) == ("Europe/London", {"city": "Rome", "vip": True})
    assert ada.updated_at > ada.created_at
    before = bob.updated_at
    bob.refresh_from_db()
    assert (bob.fields, bob.updated_at) == ({"city": "Bern"}, before)
    assert counts(job) == {"created": 0, "updated": 1, "unchanged": 1, "refused": 0}
    [event] = Event.objects.of(news.workspace).filter(kind="subscriber.updated")
    assert event.subscriber == ada
    changed = {"first_name": ["Augusta", "Ada"], "city": ["London", "Rome"]}
    assert event.properties["changed"] == changed


def test_the_same_file_twice_changes_nothing(file, news, errors):
    bring_in(file, news, errors, consent=PAPER, confirmed=True)
    before = (list(Subscriber.objects.values()), list(Subscription.objects.values()))
    log = recorded(news.workspace)

    job = bring_in(file, news, errors, consent=PAPER, confirmed=True)

    assert counts(job) == {"created": 0, "updated": 0, "unchanged": 2, "refused": 0}
    assert (list(Subscriber.objects.values()), list(Subscription.objects.values())) == before
    assert recorded(news.workspace) == [*log, ("import.finished", None)]


def test_a_person_named_twice_is_one_person(file, news, errors):
    text = "email,first name,city\na@example.com,Ada,\nA@Example.com,,Rome\n a@example.com ,Eve,\n"

    job = bring_in(file, news, errors, text)

    assert people(news.workspace) == [("a@example.com", "Eve", {"city": "Rome"})]
    assert counts(job) == {"created": 1, "updated": 0, "unchanged": 2, "refused": 0}
    assert len(recorded(news.workspace)) == 3


def test_a_person_named_in_two_chunks_ends_up_the_same(file, news, errors, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 1)
    text = "email,first name,city\na@example.com,Ada,\nA@Example.com,,Rome\n a@example.com ,Eve,\n"

    job = bring_in(file, news, errors, text)

    assert people(news.workspace) == [("a@example.com", "Eve", {"city": "Rome"})]
    assert counts(job) == {"created": 1, "updated": 2, "unchanged": 0, "refused": 0}


def test_a_chunk_also_ends_when_it_grows_too_large(file, news, errors, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_CHARACTERS", 20)
    done = []

    bring_in(file, news, errors, progress=lambda job: done.append(job.line_count))

    assert done == [0, 2, 3]


def test_an_import_touches_its_own_workspace_only(file, news, errors):
    stranger = SubscriberFactory(email="ada@example.com", first_name="Other")
    CustomFieldFactory(workspace=stranger.workspace, key="city", kind="number")

    job = bring_in(file, news, errors)

    stranger.refresh_from_db()
    assert stranger.first_name == "Other"
    assert job.created_count == 2
    assert not Subscription.objects.filter(subscriber=stranger).exists()


def test_bad_rows_go_to_the_error_file_and_good_ones_in(file, news, errors):
    CustomFieldFactory(workspace=news.workspace, key="age", kind="number")
    text = (
        "email,age,note\n"
        "nobody,1,=SUM(A1)\n"
        "ada@example.com,36,fine\n"
        "bob@example.com,old,-1\n"
        'eve@example.com,1,"two\nlines"\n'
        'carl@example.com,1,"open\n'
        "dora@example.com,2,\n"
        "@example.com,3,+49 30\n"
    )

    job = bring_in(file, news, errors, text)

    assert counts(job) == {"created": 3, "updated": 0, "unchanged": 0, "refused": 4}
    assert [email for email, _, _ in people(news.workspace)] == [
        "ada@example.com", "dora@example.com", "eve@example.com",
    ]  # fmt: skip
    assert refused(errors) == [
        ["import_line", "import_error", "email", "age", "note"],
        ["2", "An email address must have an @-sign.", "nobody", "1", "'=SUM(A1)"],
        ["4", "age: “old” is not a number such as 1234.5.", "bob@example.com", "old", "'-1"],
        ["7", "A quote is opened and never closed.", 'carl@example.com,1,"open'],
        ["9", "There must be something before the @-sign.", "'@example.com", "3", "'+49 30"],
    ]


def test_an_error_file_that_was_mended_can_be_imported(file, news, errors, tmp_path):
    bring_in(file, news, errors, "email,city\nada,Rome\n")
    mended = tmp_path / "mended.csv"
    mended.write_text(errors.read_text().replace("ada,", "ada@example.com,"))

    job = bring_in(mended, news, errors)

    assert job.created_count == 1
    assert people(news.workspace) == [("ada@example.com", "", {"city": "Rome"})]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_of_the_error_file_is_a_formula(file, news, errors, start):
    bring_in(file, news, errors, f'email,"{start}note"\nnobody,"{start}cmd"\n')

    header, row = refused(errors)
    assert header[3] == f"'{start}note"
    assert row[3] == f"'{start}cmd"


def test_an_error_file_of_an_earlier_import_does_not_stay(file, news, errors):
    bring_in(file, news, errors, "email\nnobody\n")
    assert errors.exists()

    bring_in(file, news, errors, "email\nada@example.com\n")

    assert not errors.exists()


def test_the_file_itself_is_no_place_for_errors(file, news):
    with pytest.raises(Invalid, match="The error file is the file itself"):
        bring_in(file, news, file)

    assert file.exists()
    assert not Subscriber.objects.exists()


def test_an_error_file_that_cannot_be_written_says_so(file, news, tmp_path):
    file.write_text("email\nnobody\n")

    with pytest.raises(Invalid, match=r"The error file cannot be written: .*nowhere"):
        bring_in(file, news, tmp_path / "nowhere" / "errors.csv")


def test_a_run_that_broke_off_goes_on_behind_its_last_chunk(file, news, errors, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 2)
    text = "email\na1@example.com\nbad1\na2@example.com\nbad2\nbad3\na3@example.com\n"

    def fail_in_the_second_chunk(job):
        save(job)
        if job.line_count > 3:
            raise RuntimeError("the power went")

    save = run.save_progress
    with monkeypatch.context() as patched:
        patched.setattr(run, "save_progress", fail_in_the_second_chunk)
        with pytest.raises(RuntimeError):
            bring_in(file, news, errors, text)

    [job] = Import.objects.all()
    assert (job.state, job.line_count) == ("failed", 3)
    assert [email for email, _, _ in people(news.workspace)] == ["a1@example.com"]

    lines = []
    again = bring_in(file, news, errors, progress=lambda job: lines.append(job.line_count))

    assert again == job
    assert lines == [3, 5, 7]
    assert (again.state, counts(again)) == (
        "finished", {"created": 3, "updated": 0, "unchanged": 0, "refused": 3},
    )  # fmt: skip
    assert [email for email, _, _ in people(news.workspace)] == [
        "a1@example.com", "a2@example.com", "a3@example.com",
    ]  # fmt: skip
    assert Subscription.objects.count() == 3
    assert [row[0] for row in refused(errors)] == ["import_line", "3", "5", "6"]
    assert [kind for kind, _ in recorded(news.workspace)].count("subscriber.created") == 3


def test_another_manner_of_import_is_another_import(file, news, errors):
    with pytest.raises(RuntimeError):
        bring_in(file, news, errors, progress=_fail_after_a_chunk)

    job = bring_in(file, news, errors, consent=PAPER, confirmed=True)

    assert set(Import.objects.values_list("state", flat=True)) == {"failed", "finished"}
    assert counts(job) == {"created": 0, "updated": 0, "unchanged": 2, "refused": 0}
    assert set(Subscription.objects.values_list("state", flat=True)) == {"confirmed"}


def _fail_after_a_chunk(job):
    if job.line_count:
        raise RuntimeError


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_imports_into_one_list_do_not_run_at_once(file, news, errors):
    key = f"import into list {news.pk}"
    other = connection.get_new_connection(connection.get_connection_params())
    other.autocommit = True
    other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
    connection.cursor().execute("SET lock_timeout = '100ms'")
    try:
        with pytest.raises(Conflict, match="Another import into “News” is running"):
            bring_in(file, news, errors)
        assert not Import.objects.exists()
        bring_in(file, ListFactory(workspace=news.workspace), errors)
    finally:
        other.close()
        connection.close()

    assert bring_in(file, news, errors).unchanged_count == 2


def test_a_chunk_costs_the_same_number_of_queries_whatever_its_size(
    file, news, errors, django_assert_num_queries
):
    def text(count):
        return "email\n" + "".join(f"p{n}@example.com\n" for n in range(count))

    with django_assert_num_queries(24):
        bring_in(file, news, errors, text(2))
    with django_assert_num_queries(24):
        bring_in(file, news, errors, text(500))


def test_the_command_says_what_it_did(file, news):
    out, err = StringIO(), StringIO()

    call_command("import_subscribers", file, list="news", stdout=out, stderr=err)

    lines = out.getvalue().splitlines()
    assert lines[:2] == [
        "Read as utf-8 (assumed; --encoding says otherwise), ',' between",
        "Column “city” is no declared field: kept as text in “city”.",
    ]
    assert lines[2].startswith("2 new, 0 changed, 0 unchanged, 0 refused in ")
    assert err.getvalue() == "people.csv: 3 lines done\n"
    assert AuditEntry.objects.first().actor_label == "manage.py import_subscribers"


def test_the_command_says_when_nothing_changed_and_where_errors_are(file, news):
    file.write_text("email,\nada@example.com,\nnobody,\n")
    call_command("import_subscribers", file, list="news", stdout=StringIO(), stderr=StringIO())
    out = StringIO()

    call_command("import_subscribers", file, list="news", stdout=out, stderr=StringIO())

    assert out.getvalue().splitlines()[1] == "1 columns without a name were left out."
    assert out.getvalue().splitlines()[3:] == [
        f"Refused rows, with the reason of each: {file}.errors.csv",
        "Nothing changed: nobody in this file was new or different.",
    ]


def test_the_command_answers_in_json(file, news, errors):
    file.write_bytes("email;città\nada@example.com;Forlì\nnobody;x\n".encode("latin-1"))
    out = StringIO()

    call_command(
        "import_subscribers", file, list="news", workspace=news.workspace.slug, confirmed=True,
        consent_source="paper form", encoding="latin-1", errors=errors, json=True,
        stdout=out, stderr=StringIO(),
    )  # fmt: skip

    answer = json.loads(out.getvalue())
    assert answer.pop("seconds") >= 0
    assert answer == {
        "id": Import.objects.get().public_id,
        "encoding": "iso8859-1",
        "assumed": False,
        "delimiter": "';'",
        "kept": {"città": "citta"},
        "left_out": 0,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "refused": 1,
        "erased": 0,
        "errors": str(errors),
    }
    assert people(news.workspace) == [("ada@example.com", "", {"citta": "Forlì"})]
    assert Subscription.objects.get().state == "confirmed"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"list": "nwes"}, "There is no list “nwes” in “main”. There are: news, second."),
        ({"workspace": "mian"}, "There is no workspace “mian”. There are: main."),
        ({"confirmed": True}, "Confirmed people need a consent source."),
        ({"encoding": "klingon"}, "There is no encoding “klingon”."),
        ({"file": "/nowhere/x.csv"}, "There is no file /nowhere/x.csv."),
    ],
)
def test_the_command_refuses_with_a_way_out(file, options, message):
    workspace = WorkspaceFactory(slug="main")
    ListFactory(workspace=workspace, slug="news")
    ListFactory(workspace=workspace, slug="second")
    ListFactory(workspace=workspace, slug="old", archived_at=NOON)
    options = {"list": "news", **options}

    with pytest.raises(CommandError, match=message):
        call_command("import_subscribers", options.pop("file", file), **options, stderr=StringIO())

    assert not Subscriber.objects.exists()


def test_the_command_asks_which_workspace_is_meant(file, news):
    WorkspaceFactory(slug="another")

    with pytest.raises(CommandError, match=r"Say which --workspace is meant. There are: another, "):
        call_command("import_subscribers", file, list="news")
