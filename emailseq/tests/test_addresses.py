"""What a browser finds at addresses that no page stands at."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.tests.factories import MembershipFactory
from emailseq import health


@pytest.mark.parametrize("path", ["/", "/admin"])
def test_the_way_to_the_back_office_is_short(client, path):
    assert client.get(path).headers["Location"] == "/admin/"


def test_a_browser_that_looks_for_an_icon_finds_it(client):
    assert client.get("/favicon.ico").headers["Location"] == "/static/backoffice/icon.svg"


def test_what_is_not_there_is_said_on_a_page_and_to_a_program_as_a_problem(client):
    page, problem = client.get("/nothing"), client.get("/api/v1/nothing")

    assert (page.status_code, problem.status_code) == (404, 404)
    assert "There is nothing here" in page.text
    assert "To the back office" in page.text
    assert problem.headers["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_what_a_role_does_not_allow_is_said_on_a_page():
    client = Client()
    client.force_login(MembershipFactory().user)

    answer = client.get("/admin/sequences/sequence/add/")

    assert answer.status_code == 403
    assert "Not for you" in answer.text


@pytest.mark.django_db
def test_a_form_from_before_the_sign_in_says_what_to_do():
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "ada"})

    assert answer.status_code == 403
    assert "This form is too old" in answer.text


def test_a_crash_says_nothing_of_its_cause(monkeypatch):
    def fail():
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(health, "checks", fail)
    answer = Client(raise_request_exception=False).get("/readyz")

    assert answer.status_code == 500
    assert "That went wrong" in answer.text
    assert "secret" not in answer.text
