"""Strings that have broken others are stored as they are or refused with a reason: never a 500."""

from __future__ import annotations

import json
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings

from accounts.tests.api import Api
from emailseq.lib.text import storable
from tests.support.api import make_world, operations

pytestmark = pytest.mark.django_db
OURS = [
    "\x00",
    "a\x00b",
    "\ud800",
    "x" * 2000,
    "e\u0301" * 60,
    "\u202ereversed",
    "' OR 1=1 --",
    "%s%(x)s{0}",
    "<script>alert(1)</script>",
    "{{ 7 | times: 7 }}",
    "sub_" + "z" * 26,
    "-" * 300,
    "9" * 400,
]


@pytest.fixture(scope="module")
def strings():
    corpus = Path(settings.BASE_DIR).parent / "shared/corpora/naughty-strings/blns.json"
    return OURS + (json.loads(corpus.read_text(encoding="utf-8")) if corpus.exists() else [])


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def api(world):
    return Api(world.workspace)


def test_what_can_be_stored_comes_back_as_it_was(api, strings):
    fields = {f"note_{number}": text for number, text in enumerate(strings) if storable(text)}

    made = api("PUT", "/subscribers/by-email/ada@example.com", {"fields": fields})

    assert made.status_code == 201
    assert api("GET", made.headers["Location"]).json()["fields"] == fields


def test_what_cannot_be_stored_is_named(api, strings):
    fields = {f"note_{number}": text for number, text in enumerate(strings)}

    answer = api("PUT", "/subscribers/by-email/ada@example.com", {"fields": fields})

    assert {(one["pointer"], one["code"]) for one in answer.json()["errors"]} == {
        (f"/fields/{name}", "invalid_characters")
        for name, text in fields.items()
        if not storable(text)
    }


def test_as_members_of_every_body(api, world, strings):
    endless = cycle(strings)
    for operation in operations():
        view = operation.view(action=operation.action, request=None, format_kwarg=None)
        members = view.input_class()().fields
        for _ in range(3 if members and operation.method != "GET" else 0):
            body = dict(zip(members, islice(endless, len(members)), strict=True))
            answer = api(operation.method, world.fill(operation.path), body, match="*")
            assert answer.status_code < 500, (operation, body)


def test_as_ids_slugs_and_filters(api, strings):
    endless = cycle(strings)
    for operation in operations():
        for text in islice(endless, 3 if operation.method == "GET" else 0):
            written = quote(text.encode(errors="replace"), safe="")
            path = operation.path.replace("{id}", written).replace("{sequence}", written)
            answer = api("GET", f"{path}?q={written}&list={written}&cursor={written}")
            assert answer.status_code in (200, 400, 404), (operation, text)


def test_as_addresses(api):
    for text in OURS:
        answer = api("POST", "/subscribers", {"email": text})
        assert {one["pointer"] for one in answer.json()["errors"]} == {"/email"}, text
