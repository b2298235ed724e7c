"""The import wizard: upload, map, check, run, result, undo."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from subscribers.imports import jobs, work
from subscribers.models import CustomField, Import, Subscriber, Subscription
from subscribers.tests.factories import ListFactory

pytestmark = pytest.mark.django_db
UPLOAD = "/admin/subscribers/import/upload/"
TEXT = "Adresse;Vorname;Plätze\nada@example.com;Ada;7\nbob@example.com;Bob;many\nnobody;;\n"


@pytest.fixture
def client():
    return sign_in(role="Marketer")


@pytest.fixture
def news(client):
    return ListFactory(workspace=client.workspace, name="News", opt_in="single")


def url(job, page):
    return reverse(f"admin:subscribers_import_{page}", args=[job.pk])


def upload(client, text=TEXT, name="leute.csv"):
    answer = client.post(UPLOAD, {"file": SimpleUploadedFile(name, text.encode("cp1252"))})
    job = Import.objects.latest("id")
    assert (answer.status_code, answer.url) == (302, url(job, "change"))
    return job


def settings(news, **more):
    return {
        "kind": "people", "list": news.pk, "policy": "fill", "consent_source": "fair",
        "reason": "unsubscribed", "encoding": "cp1252",
        "target_0": "email", "target_1": "first_name", "target_2": "new:number", **more,
    }  # fmt: skip


def work_all(job):
    while work.go_on():
        pass
    job.refresh_from_db()


def test_from_the_file_to_the_result_and_back(client, news):
    job = upload(client)
    page = client.get(url(job, "change")).text
    assert "Plätze" in page
    assert "7 · many" in page
    assert 'for="id_target_2"' in page
    assert "cp1252 is a guess" in page
    assert "Start the import" not in page

    saved = client.post(url(job, "setup"), settings(news, then="check"))

    assert saved.status_code == 302
    job.refresh_from_db()
    assert (job.state, job.targets, job.policy) == (
        "checking", ["email", "first_name", "fields.platze"], "fill",
    )  # fmt: skip
    field = CustomField.objects.get()
    assert (field.key, field.label, field.kind) == ("platze", "Plätze", "number")
    progress = client.get(url(job, "progress"))
    assert (progress.status_code, "HX-Refresh" in progress.headers) == (200, False)
    assert "0 of 4 lines" in progress.text
    work_all(job)
    progress = client.get(url(job, "progress"))
    assert (progress.status_code, progress.headers["HX-Refresh"]) == (286, "true")
    page = client.get(url(job, "change"))
    assert page.context["would"] == [
        ("New", 1), ("Changed", 0), ("As they are", 0), ("Refused rows", 2),
    ]  # fmt: skip
    assert not Subscriber.objects.exists()

    assert is_done(act(client, url(job, "start")))
    work_all(job)

    page = client.get(url(job, "change"))
    assert page.context["done"][0] == ("New", 1)
    ada = Subscriber.objects.get()
    assert (ada.first_name, ada.fields) == ("Ada", {"platze": 7})
    assert Subscription.objects.get().consent_source == "fair"
    refused = client.get(reverse("admin:subscribers_import_file", args=[job.pk, "refused"]))
    assert refused.headers["Content-Disposition"] == 'attachment; filename="refused.csv"'
    assert b"Pl\xc3\xa4tze: \xe2\x80\x9cmany\xe2\x80\x9d is not a number" in b"".join(refused)
    assert is_done(act(client, url(job, "undo")))
    job.refresh_from_db()
    assert job.state == "undoing"
    assert "being taken back" in client.get(url(job, "progress")).text


def test_rows_can_be_pasted(client):
    client.post(UPLOAD, {"pasted": "ada@example.com\nbob@example.com\n"})

    job = Import.objects.get()
    assert (job.targets, job.layout["samples"]) == (
        ["email"],
        [["ada@example.com", "bob@example.com"]],
    )


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Choose a file, or paste some rows."),
        ({"pasted": "PK\x03\x04zip"}, "not CSV: save it as CSV first."),
        ({"pasted": "email\n"}, "The file has a header and no rows below it."),
    ],
)
def test_what_cannot_be_read_says_why(client, body, sentence):
    page = client.post(UPLOAD, body)

    assert (page.status_code, sentence in page.text) == (200, True)
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"list": ""}, "Say on which list the people go."),
        ({"target_0": ""}, "Say which column holds the address."),
        ({"target_1": "email"}, "Columns 1, 2 all mean email: leave out all but one."),
        ({"confirmed": "on", "consent_source": ""}, "Confirmed people need a consent source."),
    ],
)
def test_what_is_missing_is_said_and_what_was_filled_in_stays(client, news, change, sentence):
    job = upload(client)

    page = client.post(url(job, "setup"), settings(news, then="check", **change))

    assert sentence in page.text
    job.refresh_from_db()
    assert (job.state, job.list) == ("draft", None)
    assert page.context["form"]["policy"].value() == "fill"
    assert not CustomField.objects.exists()


def test_another_encoding_is_tried_by_saving(client, news):
    job = upload(client)

    client.post(url(job, "setup"), settings(news, encoding="cp1251"))

    job.refresh_from_db()
    assert job.layout["header"][2] == "Plдtze"
    assert (job.state, job.targets[2]) == ("draft", "fields.pltze")


def test_an_import_is_for_those_who_may_change_people(news):
    analyst = sign_in(role="Analyst", workspace=news.workspace)
    job = jobs.upload(news.workspace, file_name="x", content=[b"email\na@example.com\n"], by=SYSTEM)

    assert analyst.get(UPLOAD).status_code == 403
    assert analyst.post(UPLOAD, {"pasted": "a@example.com"}).status_code == 403
    assert analyst.post(url(job, "setup"), {}).status_code == 403
    for page in ("change", "progress"):
        assert analyst.get(url(job, page)).status_code == 403
    assert Import.objects.count() == 1


def test_an_import_of_another_workspace_is_not_there(client):
    job = jobs.upload(
        ListFactory().workspace, file_name="x", content=[b"email\na@example.com\n"], by=SYSTEM
    )

    for page in ("change", "progress"):
        assert client.get(url(job, page)).status_code == 404
    assert client.post(url(job, "setup"), {}).status_code == 404
    refused = reverse("admin:subscribers_import_file", args=[job.pk, "refused"])
    assert client.get(refused).status_code == 404
