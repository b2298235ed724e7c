"""The pages for signing in: passwords, second factors, new passwords; and who has to wait."""

from __future__ import annotations

import json
import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.models import AuditEntry
from accounts.services import lockout, login_token
from accounts.tests.factories import MembershipFactory, UserFactory
from delivery.models import TransactionalMessage
from emailseq.lib import clock

pytestmark = pytest.mark.django_db
LOGIN = "/admin/account/login/"
SECRET = "JBSWY3DPEHPK3PXP"
WORD = "correct horse"


@pytest.fixture(autouse=True)
def quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def member():
    return MembershipFactory(user=UserFactory(email="Mie@harbour.example", password=WORD))


def sign_in(client, email="mie@harbour.example", password=WORD):
    return client.post(LOGIN, {"login": email, "password": password})


def is_in(client):
    return "_auth_user_id" in client.session


def token(**body):
    return Client().post("/api/v1/auth/token", json.dumps(body), content_type="application/json")


def code_now(step=0):
    import time

    from allauth.mfa.totp.internal import auth

    return auth.format_hotp_value(auth.hotp_value(SECRET, int(time.time()) // 30 + step))


def test_the_back_office_has_one_door():
    for url in ("/admin/", "/admin/login/"):
        page = Client().get(url, follow=True)
        assert page.redirect_chain[-1][0] == f"{LOGIN}?next=%2Fadmin%2F"
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    with pytest.raises(NoReverseMatch):
        reverse("account_signup")


def test_an_address_in_any_case_and_the_password_let_in_and_are_audited(member):
    client = Client()

    answer = sign_in(client)

    assert answer.url == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert AuditEntry.objects.of(member.workspace).get().verb == "user.signed_in"


def test_ten_wrong_passwords_lock_both_doors_for_a_quarter_hour_without_valkey(member, settings):
    settings.BUCKETS_URL = "unix:///nowhere/valkey.sock?db=2"
    for _ in range(5):
        sign_in(Client(), password="wrong")
        assert token(email="MIE@harbour.example", password="wrong").status_code == 401

    client = Client()
    refused = sign_in(client)

    assert "Too many failed login attempts" in refused.text
    assert not is_in(client)
    assert token(email="mie@harbour.example", password=WORD).status_code == 429
    with clock.frozen(clock.now() + lockout.PERIOD):
        assert token(email="mie@harbour.example", password=WORD).status_code == 200


def test_fifty_failures_lock_a_network_whomever_they_try(member):
    for number in range(50):
        assert lockout.begin(f"guess-{number}@example.com", "203.0.113.7")

    assert lockout.seconds_left(member.user.email, "203.0.113.99") > 890
    assert lockout.seconds_left(member.user.email, "203.0.114.7") == 0


def test_a_second_factor_is_asked_for_by_every_door(member):
    TOTP.activate(member.user, SECRET)
    stored = Authenticator.objects.get().data["secret"]
    client = Client()

    asked = sign_in(client)

    assert SECRET not in stored
    assert asked.url == "/admin/account/second-factor/authenticate/"
    assert not is_in(client)
    known = {"email": member.user.email, "password": WORD}
    assert token(**known).json()["code"] == "otp_required"
    assert token(**known, otp="000000").status_code == 401
    code = code_now()
    assert client.post(asked.url, {"code": code}).url == "/admin/"
    assert is_in(client)
    assert token(**known, otp=code).status_code == 401  # it was given before
    assert token(**known, otp=code_now(1)).status_code == 200


def test_a_login_link_does_not_lead_past_the_second_factor(member):
    TOTP.activate(member.user, SECRET)
    client = Client()

    answer = client.post(f"/login/{login_token(member.user)}/")

    assert answer.url == "/admin/account/second-factor/authenticate/"
    assert not is_in(client)


def test_codes_cannot_be_guessed(member):
    TOTP.activate(member.user, SECRET)
    known = {"email": member.user.email, "password": WORD}
    for _ in range(10):
        token(**known, otp="000000")

    assert token(**known, otp=code_now()).status_code == 401


def test_who_works_where_everybody_needs_a_factor_gets_no_further_without(member):
    workspace = member.workspace
    workspace.second_factor = True
    workspace.save()
    client = Client()
    sign_in(client)
    access = token(email=member.user.email, password=WORD).json()["access"]

    def me():
        return Client().get("/api/v1/me", headers={"authorization": f"Bearer {access}"})

    assert client.get("/admin/").url == "/admin/account/second-factor/"
    assert client.post("/admin/reports/").url == "/admin/account/second-factor/"
    assert (me().status_code, me().json()["code"]) == (403, "second_factor_needed")
    assert client.get("/admin/account/second-factor/").status_code == 200

    TOTP.activate(member.user, SECRET)

    assert client.get("/admin/").status_code == 200
    assert me().status_code == 200


def test_a_new_password_comes_by_a_link_that_works_once_and_ends_sessions(member):
    other = Client()
    sign_in(other)

    Client().post("/admin/account/password/reset/", {"email": "mie@harbour.example"})

    [mail] = TransactionalMessage.objects.all()
    path = f"/{mail.data['page']}/{mail.data['key']}/"
    assert mail.subscriber.email == "Mie@harbour.example"
    assert mail.expires_at is not None
    client = Client()
    form = client.get(path, follow=True)
    url = form.redirect_chain[-1][0]
    answer = client.post(url, {"password1": "battery staple", "password2": "battery staple"})
    assert answer.status_code == 302
    assert other.get("/admin/").status_code == 302
    assert token(email=member.user.email, password=WORD).status_code == 401
    fresh = Client()
    sign_in(fresh, password="battery staple")
    assert is_in(fresh)
    again = Client().get(path, follow=True)
    assert "password1" not in again.text


def test_strangers_get_no_mail_and_hear_nothing(member):
    answers = [
        Client().post("/admin/account/password/reset/", {"email": email}, follow=True)
        for email in (member.user.email, "stranger@example.com")
    ]

    assert re.sub(r"csrf\w*", "", answers[0].text)[:200] == answers[1].text[:200]
    assert TransactionalMessage.objects.count() == 1


def test_who_belongs_nowhere_is_told_so():
    client = Client()
    client.force_login(UserFactory())

    page = client.get("/admin/", follow=True)

    assert "You belong to no workspace" in page.text


def test_sign_in_pages_open_and_bring_no_script_of_their_own(member):
    client = Client()
    client.force_login(member.user)
    pages = [
        Client().get(f"/admin/account/{page}")
        for page in ("login/", "password/reset/", "password/reset/sent/", "sso/unknown/")
    ]
    pages += [client.get(f"/admin/account/{page}") for page in ("password/", "second-factor/")]

    for page in pages[:3] + pages[4:]:
        assert page.status_code == 200, page.request["PATH_INFO"]
        scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))", page.text)
        assert scripts == []
