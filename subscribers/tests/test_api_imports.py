"""Imports over HTTP: upload, mapping, dry run, start, what was refused, undo."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.tests.api import Api
from subscribers.imports import work
from subscribers.models import Import, Subscriber, Subscription
from subscribers.tests.factories import ListFactory

pytestmark = pytest.mark.django_db
CSV = "E-Mail,Name,Town\nada@example.com,Ada King,=1+1\nnobody,,\n"


@pytest.fixture
def news():
    return ListFactory(slug="news", opt_in="single")


@pytest.fixture
def api(news):
    return Api(news.workspace)


def work_all():
    while work.go_on():
        pass


def text_of(answer):
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return b"".join(answer.streaming_content).decode()


def test_from_the_file_to_the_people(api, news):
    file = SimpleUploadedFile("people.csv", CSV.encode("utf-16"))
    made = api.client.post("/api/v1/imports", {"file": file, "list": news.public_id})

    assert made.status_code == 201
    job, url = made.json(), made.headers["Location"]
    assert (job["state"], job["file_name"], job["encoding"]) == ("draft", "people.csv", "utf-16")
    assert job["list"] == news.public_id
    assert job["columns"][1] == {"name": "Name", "target": "fields.name", "samples": ["Ada King"]}

    mapped = api("PATCH", url, {"targets": ["email", "name", "fields.town"]}).json()
    assert [column["target"] for column in mapped["columns"]] == ["email", "name", "fields.town"]
    assert api("POST", f"{url}/dry-run").json()["state"] == "checking"
    work_all()
    checked = api("GET", url).json()
    assert (checked["state"], checked["preview"]["created"], checked["preview"]["refused"]) == (
        "checked", 1, 1,
    )  # fmt: skip
    assert not Subscriber.objects.exists()

    assert api("POST", f"{url}/start").json()["state"] == "running"
    work_all()

    done = api("GET", url).json()
    assert (done["state"], done["created_count"], done["refused_count"]) == ("finished", 1, 1)
    ada = Subscriber.objects.get()
    assert (ada.first_name, ada.last_name, ada.fields) == ("Ada", "King", {"town": "=1+1"})
    assert text_of(api("GET", f"{url}/errors")) == (
        "import_line,import_error,E-Mail,Name,Town\r\n"
        "3,An email address must have an @-sign.,nobody,,\r\n"
    )
    assert api("POST", f"{url}/undo").json()["state"] == "undoing"
    assert text_of(api("GET", f"{url}/kept")) == ""
    again = api("POST", f"{url}/start")
    assert (again.status_code, again.json()["code"]) == (409, "state_conflict")


def test_people_come_one_by_one_in_the_body(api, news):
    people = [
        {"email": "ada@example.com", "first_name": "Ada", "fields": {"towns": ["Rome", 'a"b,c']}},
        {"email": "nobody"},
    ]

    made = api("POST", "/imports", {"people": people, "list": news.public_id, "start": True})
    work_all()

    done = api("GET", made.headers["Location"]).json()
    assert (done["state"], done["created_count"], done["refused_count"]) == ("finished", 1, 1)
    assert Subscriber.objects.get().fields == {"towns": ["Rome", 'a"b,c']}
    assert Subscription.objects.get().state == "confirmed"


def test_pasted_text_is_a_file_too(api, news):
    made = api("POST", "/imports", {"content": CSV, "list": news.public_id})

    assert made.json()["columns"][0]["samples"] == ["ada@example.com", "nobody"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/file"),
        ({"content": CSV, "people": []}, "/file"),
        ({"content": "PK\x03\x04"}, "/file"),
        ({"content": CSV, "targets": ["email"]}, "/targets"),
        ({"content": CSV, "targets": ["email", "x", ""]}, "/targets/1"),
        ({"content": CSV, "encoding": "klingon"}, "/encoding"),
        ({"content": CSV, "start": True}, "/list"),
        ({"content": CSV, "list": "lst_0"}, "/list"),
        ({"people": [{"email": "a@example.com", "age": 3}]}, "/people/0/age"),
        ({"people": [{"email": "a@example.com"}] * 1001}, "/people"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(api, body, pointer):
    answer = api("POST", "/imports", body)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Import.objects.exists()


def test_vouching_for_people_takes_the_permission_for_it(news):
    api = Api(news.workspace, "subscribers:write")
    body = {"content": CSV, "confirmed": True, "consent_source": "fair"}

    refused = api("POST", "/imports", body)

    assert (refused.status_code, refused.json()["scope"]) == (403, "subscriptions:confirm")
    assert not Import.objects.exists()


def test_an_upload_that_is_repeated_is_one_import(api, news):
    def send(content, key="one"):
        file = SimpleUploadedFile("people.csv", content.encode())
        body, headers = {"file": file, "list": news.public_id}, {"Idempotency-Key": key}
        return api.client.post("/api/v1/imports", body, headers=headers)

    first, again, other = send(CSV), send(CSV), send(CSV + "bob@example.com,,\n")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    assert other.json()["code"] == "idempotency_mismatch"
    assert Import.objects.count() == 1
    assert send(CSV, key="two").status_code == 201
    assert Import.objects.count() == 2


def test_odd_addresses_are_counted_told_and_taken(api, news):
    rows = "email\nada@gmial.com\ninfo@harbour.org\nx@mailinator.com\nb@harbour.org\n"
    made = api("POST", "/imports", {"content": rows, "list": news.public_id})
    url = made.headers["Location"]
    for _ in range(2):  # the second check forgets what the first has found
        api("POST", f"{url}/dry-run")
        work_all()

    assert api("GET", url).json()["preview"]["hints"] == {"typo": 1, "role": 1, "disposable": 1}
    assert text_of(api("GET", f"{url}/hints")).splitlines() == [
        "email,hint,what,perhaps",
        "ada@gmial.com,typo,Perhaps ada@gmail.com was meant.,ada@gmail.com",
        'info@harbour.org,role,"“info” is read by several people, or by nobody.",',
        "x@mailinator.com,disposable,Addresses at mailinator.com are thrown away soon.,",
    ]
    api("POST", f"{url}/start")
    work_all()
    assert Subscriber.objects.count() == 4
