from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.tests.factories import MembershipFactory
from emailseq.lib import clock

pytestmark = pytest.mark.django_db


def url_for(user) -> str:
    return reverse("login", args=[services.login_token(user)])


def test_looking_at_the_link_does_not_use_it_up():
    user = MembershipFactory().user
    url = url_for(user)

    for _ in range(3):
        page = Client().get(url)
        assert page.status_code == 200
        assert "Sign in" in page.content.decode()
        assert "_auth_user_id" not in page.client.session

    assert Client().post(url).status_code == 302


def test_the_button_signs_in_once():
    user, client = MembershipFactory().user, Client()
    url = url_for(user)

    answer = client.post(url)

    assert answer.url == "/admin/"
    assert client.session["_auth_user_id"] == str(user.pk)
    assert client.get("/admin/").status_code == 200
    again = Client().post(url)
    assert again.status_code == 410
    assert "_auth_user_id" not in again.client.session


def test_a_link_ends_after_half_an_hour():
    user = MembershipFactory().user
    url = url_for(user)

    with clock.frozen(clock.now() + timedelta(minutes=31)):
        assert Client().post(url).status_code == 410


@pytest.mark.parametrize("token", ["x", "v1.k1.l.AAAA.AAAA", "v1.k1.o.AAAA.AAAA"])
def test_another_token_signs_nobody_in(token):
    assert Client().post(reverse("login", args=[token])).status_code == 410


def test_the_page_needs_its_csrf_token_and_no_script():
    url = url_for(MembershipFactory().user)
    strict = Client(enforce_csrf_checks=True)

    assert strict.post(url).status_code == 403
    page = strict.get(url)
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert b"<script" not in page.content
