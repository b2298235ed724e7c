"""Imports whose file is stored: looked into, set up, checked, brought in, cancelled."""

from __future__ import annotations

import csv
import io

import pytest

from accounts.audit import SYSTEM, Actor
from accounts.models import AuditEntry
from emailseq.lib import clock
from emailseq.lib.errors import Conflict, Invalid, StateConflict
from subscribers.imports import chunks, jobs, parts, work
from subscribers.models import Import, ImportPart, Subscriber, Subscription, Suppression
from subscribers.tests.factories import CustomFieldFactory, ListFactory, SubscriberFactory

pytestmark = pytest.mark.django_db
ADA = Actor("user", 7, "ada@harbour.example")
TEXT = "E-Mail,First name,Town\nada@example.com,Ada,Rome\nbob@example.com,Bob,\nnobody,,\n"


@pytest.fixture
def news():
    return ListFactory(slug="news", opt_in="single")


def upload(news, text=TEXT, *, encoding="utf-8", name="people.csv", **settings):
    content = text if isinstance(text, bytes) else text.encode(encoding)
    given = {"file_name": name, "content": [content], "by": ADA, **settings}
    return jobs.upload(news.workspace, **given)


def work_all(job):
    while work.go_on():
        pass
    job.refresh_from_db()
    return job


def read(job, kind=ImportPart.Kind.REFUSED):
    text = b"".join(parts.contents(job, kind)).decode()
    return list(csv.reader(io.StringIO(text)))


def targets_of(news, text, **options):
    return upload(news, text, **options).targets


def test_a_file_is_looked_into_and_nobody_comes_in(news):
    job = upload(news)

    assert (job.state, job.targets) == ("draft", ["email", "first_name", "fields.town"])
    assert job.layout == {
        "encoding": "utf-8-sig", "assumed": False, "delimiter": ",", "head_lines": 1, "preset": "",
        "header": ["E-Mail", "First name", "Town"],
        "samples": [["ada@example.com", "bob@example.com", "nobody"], ["Ada", "Bob"], ["Rome"]],
    }  # fmt: skip
    assert job.total_lines == 4
    assert work.go_on() == 0
    assert not Subscriber.objects.exists()


def test_what_is_checked_is_what_comes_in(news):
    SubscriberFactory(workspace=news.workspace, email="bob@example.com", first_name="Robert")
    job = upload(news, list=news, consent_source="fair", confirmed=True)

    jobs.check(job, by=ADA)
    checked = work_all(job)

    assert checked.state == "checked"
    assert {name: checked.preview[name] for name in ("created", "updated", "refused")} == {
        "created": 1, "updated": 1, "refused": 1,
    }  # fmt: skip
    assert checked.preview["samples"] == [
        {"email": "bob@example.com", "changes": {"first_name": ["Robert", "Bob"]}}
    ]
    assert read(checked)[1][:2] == ["4", "An email address must have an @-sign."]
    assert not Subscription.objects.exists()

    jobs.start(job, by=ADA)
    done = work_all(job)

    assert (done.state, done.created_count, done.updated_count, done.refused_count) == (
        "finished", 1, 1, 1,
    )  # fmt: skip
    assert read(done) == [
        ["import_line", "import_error", "E-Mail", "First name", "Town"],
        ["4", "An email address must have an @-sign.", "nobody", "", ""],
    ]
    place = Subscription.objects.get(subscriber__email="ada@example.com")
    assert (place.state, place.consent_source, place.list) == ("confirmed", "fair", news)
    assert Subscriber.objects.get(email="ada@example.com").fields == {"town": "Rome"}
    assert not done.parts.filter(kind="file").exists()
    assert "samples" not in done.layout
    verbs = AuditEntry.objects.order_by("id").values_list("verb", "actor_label")
    assert list(verbs) == [
        (f"import.{verb}", "ada@harbour.example") for verb in ("uploaded", "started", "finished")
    ]


def test_columns_go_where_somebody_says(news):
    CustomFieldFactory(workspace=news.workspace, key="seats", label="Seats", kind="number")
    text = (
        "Wer,Adresse,Plätze,Extra,Rest\n"
        'Ada Augusta King,ada@example.com,7,"{""plan"": ""pro"", ""seats"": 9}",x\n'
        'Bob,bob@example.com,,"{""seats"": ""many""}",x\n'
        'Cy,cy@example.com,,"{""email"": ""x""}",x\n'
        "Dora,dora@example.com,,[1],x\n"
    )
    job = upload(news, text, list=news)
    targets = ["name", "email", "fields.seats", "fields", ""]

    jobs.set_up(job, by=ADA, targets=targets)
    jobs.start(job, by=ADA)
    work_all(job)

    ada = Subscriber.objects.get()
    assert (ada.first_name, ada.last_name) == ("Ada", "Augusta King")
    assert ada.fields == {"plan": "pro", "seats": 7}
    assert [row[1] for row in read(job)[1:]] == [
        "Extra: seats is not a number such as 1234.5.",
        "Extra: “email” is no custom field.",
        "Extra: “[1]” is not an object of JSON.",
    ]


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        (["email", "first_name"], "wrong_number"),
        (["email", "email", ""], "ambiguous"),
        (["email", "surname", ""], "unknown"),
        (["email", "fields.Upper", ""], "unknown"),
    ],
)
def test_targets_that_make_no_sense_are_refused(news, targets, code):
    job = upload(news)

    with pytest.raises(Invalid) as caught:
        jobs.set_up(job, by=ADA, targets=targets)

    assert [error.code for error in caught.value.errors] == [code]
    job.refresh_from_db()
    assert job.targets == ["email", "first_name", "fields.town"]


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({}, "/list"),
        ({"targets": ["", "first_name", ""]}, "/targets"),
        ({"confirmed": True}, "/consent"),
    ],
)
def test_what_is_not_said_yet_stops_a_start(news, settings, pointer):
    job = upload(news, **({"list": news} if settings else {}), **settings)

    for verb in (jobs.check, jobs.start):
        with pytest.raises(Invalid) as caught:
            verb(job, by=ADA)
        assert caught.value.errors[0].pointer == pointer
    job.refresh_from_db()
    assert job.state == "draft"


def test_who_is_known_by_their_number_of_columns_only(news):
    assert targets_of(news, "ada@example.com,Ada\nbob@example.com,Bob\n") == [
        "email", "fields.column_2",
    ]  # fmt: skip


def test_a_check_counts_for_what_was_checked_only(news):
    job = upload(news, list=news)
    jobs.check(job, by=ADA)
    work_all(job)

    jobs.set_up(job, by=ADA, policy="skip")

    assert (job.state, job.preview) == ("draft", None)
    assert read(job) == []
    with pytest.raises(Invalid):
        jobs.set_up(job, by=ADA, policy="burn")


def test_a_cancelled_import_stops_before_its_next_rows(news, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 1)
    job = upload(news, list=news)
    jobs.start(job, by=ADA)
    work.go_on(seconds=0)

    jobs.cancel(job, by=ADA)
    cancelled = work_all(job)

    assert (cancelled.state, cancelled.created_count) == ("cancelled", 1)
    assert [person.email for person in Subscriber.objects.all()] == ["ada@example.com"]
    assert not cancelled.parts.filter(kind="file").exists()
    with pytest.raises(StateConflict):
        jobs.start(job, by=ADA)


def test_a_slice_ends_and_the_next_goes_on(news, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 1)
    job = upload(news, list=news)
    jobs.start(job, by=ADA)
    seen = []
    while work.go_on(seconds=0):
        job.refresh_from_db()
        seen.append((job.state, job.line_count))

    assert seen == [("running", 2), ("running", 3), ("running", 4), ("finished", 4)]
    assert (job.created_count, job.refused_count) == (2, 1)
    assert [row[0] for row in read(job)] == ["import_line", "4"]


def test_what_cannot_go_on_says_why_and_can_be_resumed(news, monkeypatch):
    job = upload(news, list=news)
    jobs.start(job, by=ADA)
    with monkeypatch.context() as broken:
        broken.setattr(work.run, "carry_on", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            work.go_on()
    job.refresh_from_db()
    assert (job.state, job.fault) == ("failed", "Something went wrong that the log tells of.")
    assert work.go_on() == 0

    jobs.resume(job, by=ADA)

    assert work_all(job).state == "finished"
    assert job.created_count == 2


def test_the_same_file_again_changes_nothing(news):
    for _ in range(2):
        job = upload(news, list=news)
        jobs.start(job, by=ADA)
        work_all(job)

    assert (job.created_count, job.updated_count, job.unchanged_count) == (0, 0, 2)


def test_a_file_that_is_too_large_is_not_kept(news, monkeypatch):
    monkeypatch.setattr(parts, "MAX_BYTES", 20)

    with pytest.raises(Invalid, match="at most 100 MB"):
        upload(news)

    assert not Import.objects.exists()


def test_what_nobody_touches_for_a_month_is_forgotten(news):
    draft, done = upload(news, list=news), upload(news, list=news)
    jobs.start(done, by=ADA)
    work_all(done)
    assert parts.forget_old() == 0

    with clock.frozen(clock.now() + parts.KEPT * 1.1):
        assert parts.forget_old() == 2
        assert parts.forget_old() == 0

    assert not ImportPart.objects.exists()
    draft.refresh_from_db()
    done.refresh_from_db()
    assert (draft.state, done.state) == ("cancelled", "finished")


def test_addresses_that_must_not_be_sent_to(news):
    known = Suppression.objects.create(
        workspace=news.workspace, address_key="b@example.com", reason="manual", note="by hand"
    )
    text = "address\na@example.com\nB@example.com\na@example.com\nnobody\n"
    settings = {"kind": "suppressions", "reason": "hard_bounce", "targets": ["email"]}
    job = upload(news, text, **settings)

    jobs.check(job, by=ADA)
    assert work_all(job).preview == {
        "created": 1, "updated": 1, "unchanged": 0, "duplicates": 1, "refused": 1,
    }  # fmt: skip
    jobs.start(job, by=ADA)
    work_all(job)

    assert (job.created_count, job.updated_count, job.unchanged_count, job.refused_count) == (
        1, 1, 1, 1,
    )  # fmt: skip
    known.refresh_from_db()
    rows = Suppression.objects.order_by("address_key")
    assert list(rows.values_list("address_key", "reason", "imported")) == [
        ("a@example.com", "hard_bounce", job.pk),
        ("b@example.com", "hard_bounce", None),
    ]
    assert not Subscriber.objects.exists()


MAILCHIMP = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,LEID,EUID,NOTES,TAGS"


def test_exports_of_others_are_recognised(news):
    assert targets_of(news, f"{MAILCHIMP}\na@example.com,A,B,2,x,1,2,,\n") == [
        "email", "first_name", "last_name", "", "", "", "", "", "fields.tags",
    ]  # fmt: skip
    left = upload(news, f"{MAILCHIMP},UNSUB_TIME,UNSUB_REASON\na@example.com,A,B,2,x,1,2,,,x,\n")
    left.refresh_from_db()
    assert (left.kind, left.reason, left.layout["preset"]) == (
        "suppressions", "unsubscribed", "Mailchimp",
    )  # fmt: skip
    cleaned = upload(news, f"{MAILCHIMP},CLEAN_TIME\na@example.com,A,B,2,x,1,2,,,x\n")
    assert (cleaned.kind, cleaned.reason) == ("suppressions", "hard_bounce")
    mautic = "id,firstname,lastname,email,points,date_added,doNotContact\n1,A,B,a@b.example,3,,1\n"
    assert targets_of(news, mautic) == [
        "", "first_name", "last_name", "email", "", "", "status",
    ]  # fmt: skip


def test_whom_listmonk_has_blocked_is_suppressed_and_does_not_come_in(news):
    text = (
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        '1,ada@example.com,Ada King,"{""town"": ""Rome""}",enabled,,\n'
        "2,bob@example.com,Bob,{},blocklisted,,\n"
        "3,cy@example.com,Cy,{},disabled,,\n"
    )
    job = upload(news, text, list=news)
    assert job.layout["preset"] == "listmonk"
    assert job.targets == ["", "email", "name", "fields", "status", "", ""]

    jobs.check(job, by=ADA)
    assert work_all(job).preview["barred"] == 1
    jobs.start(job, by=ADA)
    work_all(job)

    ada = Subscriber.objects.get()
    assert (ada.email, ada.last_name, ada.fields) == ("ada@example.com", "King", {"town": "Rome"})
    no = Suppression.objects.get()
    assert (no.address_key, no.reason, no.imported) == ("bob@example.com", "unsubscribed", job)
    assert (job.created_count, job.suppressed_count, job.refused_count) == (1, 1, 1)
    assert read(job)[1][1] == "Whoever is “disabled” may not be mailed: the row is left out."


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "Łódź"), ("utf-8-sig", "Łódź"), ("utf-16", "Łódź"), ("utf-16-le", "Łódź"),
        ("utf-16-be", "Zoë"), ("cp1250", "Łódź żółw"), ("cp1252", "Zoë Müller"),
        ("latin-1", "Zoë"), ("cp1252", "Plätze"), ("shift_jis", "ローマ"),
        ("cp1251", "Москва"), ("shift_jis", "山田太郎"),
    ],
)  # fmt: skip
def test_how_a_file_is_encoded_is_guessed_and_shown(news, encoding, name):
    job = upload(news, f"email,name\nada@example.com,{name}\n", encoding=encoding)

    assert job.layout["samples"][1] == [name]


def test_a_guess_that_was_wrong_is_corrected(news):
    job = upload(news, "email,city\nada@example.com,Ιθάκη\n", encoding="cp1253", list=news)
    assert job.layout["samples"][1] != ["Ιθάκη"]

    jobs.set_up(job, by=ADA, encoding="cp1253")
    assert (job.layout["samples"][1], job.layout["assumed"]) == (["Ιθάκη"], False)
    jobs.start(job, by=ADA)
    work_all(job)

    assert Subscriber.objects.get().fields == {"city": "Ιθάκη"}
    with pytest.raises(StateConflict):
        jobs.set_up(job, by=ADA, encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + b"\0" * 99, "not_csv"),
        (b"\x1f\x8b\x08" + b"\0" * 99, "not_csv"),
        (b"%PDF-1.7 ...", "not_csv"),
        (b"email" + b",c" * 20_000 + b"\nada@example.com\n", "too_many_columns"),
        (b"email\n", "no_rows"),
        (b'email,"' + b"x" * 10_000_000, "bad_header"),
    ],
)
def test_what_is_no_list_of_people_is_refused_at_once(news, content, code):
    with pytest.raises(Invalid) as caught:
        upload(news, content)

    assert caught.value.errors[0].code == code
    assert not Import.objects.exists()


def test_a_field_of_ten_megabytes_hurts_its_row_only(news):
    huge = b"email,note\nada@example.com,ok\nbob@example.com," + b"x" * 10_000_000 + b"\n"
    job = upload(news, huge + b"cy@example.com,ok\n", list=news)

    jobs.start(job, by=ADA)
    work_all(job)

    assert (job.created_count, job.refused_count) == (2, 1)
    assert read(job)[1][1] == "A cell is longer than 64 KB, or a quote is never closed."


def test_a_command_is_not_resumed_by_a_tick_but_can_be_cancelled(news):
    job = Import.objects.create(workspace=news.workspace, list=news, file_name="x", digest="x")
    assert work.go_on() == 0

    with pytest.raises(Conflict):
        jobs.resume(job, by=SYSTEM)
    jobs.cancel(job, by=SYSTEM)

    job.refresh_from_db()
    assert job.state == "cancelled"
