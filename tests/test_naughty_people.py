"""What has broken others comes in by a file and goes out by page, API and file as it came."""

from __future__ import annotations

import csv
import io
import json
from html import escape
from pathlib import Path

import pytest
from django.conf import settings

from accounts.tests.api import Api
from accounts.tests.backoffice import sign_in
from emailseq.lib.text import storable
from subscribers.cells import inert
from subscribers.imports import work
from subscribers.models import Subscriber
from subscribers.tests.factories import ListFactory

pytestmark = pytest.mark.django_db
CORPUS = Path(settings.BASE_DIR).parent / "shared/corpora/naughty-strings/blns.json"
OURS = [
    *(
        "=1+1",
        "'; DROP TABLE x; --",
        "<script>alert(1)</script>",
        "{{ 7 | times: 7 }}",
        "\u202eabc",
    ),
    *(
        "%s%(x)s{0}",
        'a "quoted", cell',
        "two\nlines",
        "‘’",
        "null",
        "‮test‮",
        "-1",
        "＝cmd",
        "x" * 100,
    ),
]


@pytest.fixture
def strings():
    corpus = json.loads(CORPUS.read_text(encoding="utf-8")) if CORPUS.exists() else []
    return [text for text in OURS + corpus if storable(text) and text == text.strip() and text]


def test_in_by_a_file_and_out_by_page_api_and_file(strings):
    client = sign_in()
    news, api = ListFactory(workspace=client.workspace, opt_in="single"), Api(client.workspace)
    people = [
        {"email": f"p{n}@example.com", "first_name": text[:100].strip(), "fields": {"note": text}}
        for n, text in enumerate(strings)
    ]
    for start in range(0, len(people), 1_000):
        body = {"people": people[start : start + 1_000], "list": news.public_id, "start": True}
        assert api("POST", "/imports", body).status_code == 201
    while work.go_on():
        pass

    stored = {row.email: row for row in Subscriber.objects.all()}
    assert len(stored) == len(people)
    for person in people:
        row = stored[person["email"]]
        assert (row.first_name, row.fields) == (person["first_name"], person["fields"])
    exported = csv.DictReader(
        io.StringIO(
            b"".join(client.get("/admin/subscribers/subscriber/export/")).decode(), newline=""
        )
    )
    notes = {row["email"]: row["note"] for row in exported}
    assert notes == {person["email"]: inert(person["fields"]["note"]) for person in people}
    for person in people[:: max(len(people) // 5, 1)]:
        row = stored[person["email"]]
        told = api("GET", f"/subscribers/{row.public_id}").json()
        assert told["fields"] == person["fields"]
        page = client.get(f"/admin/subscribers/subscriber/{row.pk}/change/").text
        assert escape(person["fields"]["note"]) in page
