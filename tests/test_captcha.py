"""Somebody else judges whether it was a person who filled in a form."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from delivery.tests.receiver import Receiver
from subscribers.models import SignUp
from subscribers.services import create_form
from subscribers.tests.factories import ListFactory
from subscribers.tests.test_forms import SYSTEM, call, path, read, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def judge(settings):
    receiver = Receiver()
    settings.WEBHOOK_ALLOW_PRIVATE = True
    settings.CAPTCHA_VERIFY_URL, settings.CAPTCHA_SECRET = receiver.url, "hush"
    settings.CAPTCHA_SITE_KEY = "site-7"
    settings.CAPTCHA_SCRIPT_URL = "https://judge.example/api.js"
    yield receiver
    receiver.close()


@pytest.fixture
def form():
    news = ListFactory()
    return create_form(news.workspace, name="Join", lists=[news], consent_text="Yes", by=SYSTEM)


def test_a_page_and_a_program_pass_by_the_judge(form, judge):
    judge.answer = b'{"success": true}'

    page, shown = read(form)[0], Client().get(path(form))
    sent = send(form, **{"cf-turnstile-response": "tok-1"})
    called = call(form, email="bob@example.com", captcha="tok-2")

    assert 'data-sitekey="site-7"' in page
    assert '<script src="https://judge.example/api.js" async defer></script>' in page
    policy = shown.headers["Content-Security-Policy"]
    assert "script-src https://judge.example https://*.judge.example;" in policy
    assert (sent.status_code, called.status_code) == (200, 202)
    assert [body for _, body in judge.calls] == [
        b"secret=hush&response=tok-1&remoteip=203.0.113.7",
        b"secret=hush&response=tok-2&remoteip=127.0.0.1",
    ]
    assert SignUp.objects.count() == 2


def test_whoever_does_not_pass_is_turned_away(form, judge):
    judge.answer = b'{"success": false, "error-codes": ["timeout-or-duplicate"]}'

    without = call(form)
    wrong = call(form, captcha="tok")
    page = send(form, **{"h-captcha-response": "tok"})

    assert [answer.status_code for answer in (without, wrong, page)] == [400, 400, 400]
    assert {json.loads(each.content)["errors"][0]["code"] for each in (without, wrong)} == {
        "captcha"
    }
    assert len(judge.calls) == 2  # nobody is asked about nothing
    assert not SignUp.objects.exists()


def test_while_the_judge_is_away_people_still_sign_up(form, judge):
    judge.status, judge.answer = 503, b"down"
    assert call(form, captcha="tok").status_code == 202
    judge.status, judge.answer = 200, b"<html>"
    assert call(form, email="bob@example.com", captcha="tok").status_code == 202
    assert SignUp.objects.count() == 2


def test_nobody_is_asked_by_default(form, judge, settings):
    settings.CAPTCHA_VERIFY_URL = ""

    page, shown = read(form)[0], Client().get(path(form))

    assert "data-sitekey" not in page
    assert "script-src" not in shown.headers["Content-Security-Policy"]
    assert call(form).status_code == 202
    assert judge.calls == []
