"""Whatever goes wrong under /api, the answer is a problem (RFC 9457) that says what and where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import errors
from emailseq.lib.api.problems import PROBLEMS
from subscribers import services
from subscribers.models import List

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def api():
    return Api(WorkspaceFactory())


def problem(answer):
    """The body of an answer, after a look at what all problems have in common."""
    body = answer.json()
    status, title = PROBLEMS[body["code"]]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["title"]) == (status, status, title)
    assert body["type"] == f"https://docs.emailseq.example/problems/{body['code']}"
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body


def post(api, body, content_type="application/json"):
    return api.client.post("/api/v1/lists", body, content_type=content_type)


def test_a_problem_in_full(api):
    answer = api.client.post(
        "/api/v1/lists",
        '{"name": "News", "colour": "red"}',
        content_type="application/json",
        headers={"x-request-id": "my-request-17"},
    )

    assert answer.json() == {
        "type": "https://docs.emailseq.example/problems/invalid",
        "title": "The request is not valid.",
        "status": 400,
        "code": "invalid",
        "detail": "1 member needs attention.",
        "request_id": "my-request-17",
        "errors": [
            {
                "pointer": "/colour",
                "code": "unknown_field",
                "detail": "“colour” cannot be set here.",
            }
        ],
    }


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1", "/api/v1/", "/api/v1/lists/", "/api/v2/lists"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_404_and_no_redirect(api, method, path):
    answer = api(method, path)

    assert problem(answer)["code"] == "not_found"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_a_method_that_is_not_there_is_405(api, method):
    answer = api(method, "/lists")

    assert problem(answer)["code"] == "method_not_allowed"
    assert "{" not in answer.json()["detail"]
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "text/html", ""]
)
def test_other_bodies_than_json_are_415(api, content_type):
    assert problem(post(api, "name=News", content_type))["code"] == "unsupported_media_type"
    assert not List.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": "News",}',
        b'{"name": NaN}',
        b'{"name": -Infinity}',
        b'{"name": 1e999}',
        b'{"name": "\xff"}',
        b"{'name': 'News'}",
        b"[" * 5000,
        b"\xef\xbb\xbf{}",
        b'{"name": ' + b"1" * 5000 + b"}",
    ],
)
def test_what_is_not_json_is_said_to_be_so(api, body):
    assert problem(post(api, body))["code"] == "malformed_json"


@pytest.mark.parametrize("body", [b"[]", b'"News"', b"17", b"null", b"true"])
def test_json_that_is_no_object_is_invalid(api, body):
    assert problem(post(api, body))["errors"][0]["pointer"] == ""


def test_a_body_is_at_most_a_megabyte(api):
    fits = post(api, b'{"name": "News"%s}' % (b" " * (1024 * 1024 - 16)))
    larger = post(api, b'{"name": "Other"%s}' % (b" " * (1024 * 1024)))

    assert fits.status_code == 201
    assert problem(larger)["code"] == "body_too_large"


def test_a_body_is_at_most_twenty_levels_deep(api):
    def nested(levels):
        value = "leaf"
        for _ in range(levels):
            value = {"a": value}
        return value

    fits = api("PUT", "/subscribers/by-email/a@example.com", {"fields": nested(18)})
    deeper = api("PUT", "/subscribers/by-email/a@example.com", {"fields": nested(20)})

    assert fits.status_code == 201
    assert problem(deeper)["errors"][0]["code"] == "too_deep"


@pytest.mark.parametrize("text", [r"\u0000", r"\ud800"])
def test_what_cannot_be_stored_is_found_wherever_it_is(api, text):
    body = f'{{"first_name": "x{text}", "fields": {{"a/b": ["{text}"], "{text}": 1}}, "{text}": 1}}'

    answer = api.client.put(
        "/api/v1/subscribers/by-email/a@example.com", body, content_type="application/json"
    )

    assert {(one["pointer"], one["code"]) for one in problem(answer)["errors"]} == {
        ("/first_name", "invalid_characters"),
        ("/fields/a~1b/0", "invalid_characters"),
        ("/fields", "invalid_characters"),
        ("", "invalid_characters"),
    }


def test_at_most_a_hundred_faults_are_listed(api):
    body = problem(api("POST", "/lists", {f"member_{n}": 1 for n in range(200)}))

    assert len(body["errors"]) == 100
    assert body["detail"] == "201 members need attention."


def test_only_json_is_spoken(api):
    answer = api.client.get("/api/v1/lists", headers={"accept": "text/csv"})

    assert problem(answer)["code"] == "not_acceptable"


def test_a_host_that_is_not_ours_is_refused(api):
    answer = api.client.get("/api/v1/lists", headers={"host": "evil.example"})

    assert problem(answer)["code"] == "invalid"


def test_our_own_fault_is_told_without_detail(api, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(services, "create_list", fail)
    api.client.raise_request_exception = False

    answer = api("POST", "/lists", {"name": "News"})

    body = problem(answer)
    assert body["code"] == "internal"
    assert b"secret" not in answer.content
    assert "detail" not in body


def test_a_busy_database_is_told_to_come_back_to(api, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("canceling statement due to lock timeout")

    monkeypatch.setattr(services, "create_list", fail)

    answer = api("POST", "/lists", {"name": "News"})

    assert problem(answer)["code"] == "unavailable"
    assert answer.headers["Retry-After"] == "1"
    assert b"canceling" not in answer.content


def test_every_refusal_of_ours_has_its_problem():
    def all_below(kind):
        return {kind, *(leaf for below in kind.__subclasses__() for leaf in all_below(below))}

    codes = {kind.code for kind in all_below(errors.AppError) if kind.code != "error"}

    assert codes <= set(PROBLEMS)


def test_every_answer_has_an_id(api):
    made, kept, mad = (
        api.client.get("/api/v1/me", headers=headers)
        for headers in ({}, {"x-request-id": "abcdefgh"}, {"x-request-id": "a\tb" * 50})
    )

    assert re.fullmatch(r"req_[0-9a-z]{26}", made.headers["X-Request-Id"])
    assert kept.headers["X-Request-Id"] == "abcdefgh"
    assert re.fullmatch(r"req_[0-9a-z]{26}", mad.headers["X-Request-Id"])


def test_answers_about_people_are_not_kept_by_anybody(api):
    assert api("GET", "/subscribers").headers["Cache-Control"] == "no-store"
    assert api("GET", "/nowhere").headers["X-Content-Type-Options"] == "nosniff"


def test_no_session_opens_the_api(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root@example.com", "x"))

    assert problem(client.get("/api/v1/me"))["code"] == "unauthenticated"
    assert Client().get("/api/v1/me").status_code == 401


def test_the_guide_says_of_every_code_what_caused_it_and_what_to_do():
    page = (DOCS / "integrators" / "problems.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))

    assert list(told) == list(PROBLEMS)
    for code, (status, title) in PROBLEMS.items():
        first, cause, fix = re.fullmatch(
            r"(.+)\n\n- Cause: (.+)\n- Fix: (.+)\n*", told[code], re.DOTALL
        ).groups()
        assert first == f"**{status}** {title}"
        assert len(cause) > 20, code
        assert len(fix) > 15, code
