"""Signing in by a provider of OpenID Connect, from the button to the back office."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts import services
from accounts.audit import SYSTEM
from accounts.models import User
from accounts.tests.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db
LOGIN, CALLBACK = "/admin/account/sso/sso/", "/admin/account/sso/sso/callback/"


class Provider(ThreadingHTTPServer):
    """Says of everybody what `claims` says."""

    claims: dict[str, object]

    @property
    def issuer(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path):
        paths = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
        if path.endswith("openid-configuration"):
            return {"issuer": self.issuer, **{name: f"{self.issuer}/{name}" for name in paths}}
        if path == "/token_endpoint":
            told = {"iss": self.issuer, "aud": "us", "exp": int(time.time()) + 60, **self.claims}
            return {"access_token": "a", "id_token": jwt.encode(told, "k" * 32, "HS256")}
        return self.claims


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(self.server.answer(self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 # as the server asks for it

    def log_message(self, *_):
        pass


@pytest.fixture
def provider(settings):
    server = Provider(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app = {"provider_id": "sso", "name": "Harbour ID", "client_id": "us", "secret": "s"}
    app["settings"] = {"server_url": server.issuer}
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    }
    yield server
    server.shutdown()
    server.server_close()


def come_back(provider, **claims):
    """A browser that pressed the button, and that the provider sent back with these claims."""
    provider.claims = {"sub": "42", **claims}
    client = Client()
    asked = urlsplit(client.post(LOGIN).url)
    query = parse_qs(asked.query)
    assert asked.geturl().startswith(f"{provider.issuer}/authorization_endpoint?")
    assert query["code_challenge_method"] == ["S256"]
    client.answer = client.get(CALLBACK, {"code": "c", "state": query["state"][0]})
    return client


def user_of(client):
    return client.session.get("_auth_user_id")


def test_who_is_known_by_an_address_the_provider_vouches_for_gets_in(provider):
    member = MembershipFactory(user=UserFactory(email="mie@harbour.example"))
    assert "Sign in with Harbour ID" in Client().get("/admin/account/login/").text

    client = come_back(provider, email="Mie@harbour.example", email_verified=True)

    assert user_of(client) == str(member.user.pk)
    assert client.get("/admin/").status_code == 200
    member.user.email = "moved@harbour.example"
    member.user.save()
    again = come_back(provider, email="mie@harbour.example", email_verified=False)
    assert user_of(again) == str(member.user.pk)  # by the provider's own id from now on


@pytest.mark.parametrize("verified", [False, None, "true"])
def test_an_address_nobody_vouches_for_takes_over_nothing(provider, verified):
    MembershipFactory(user=UserFactory(email="mie@harbour.example"))

    client = come_back(provider, email="mie@harbour.example", email_verified=verified)

    assert user_of(client) is None
    assert not SocialAccount.objects.exists()
    assert User.objects.count() == 1


def test_strangers_stay_out_and_who_is_invited_comes_in(provider):
    workspace = MembershipFactory().workspace
    stranger = come_back(provider, email="jon@harbour.example", email_verified=True)
    assert user_of(stranger) is None
    assert "You have no login here" in stranger.answer.text

    services.invite(workspace, email="jon@harbour.example", role="Analyst", by=SYSTEM)
    client = come_back(provider, email="jon@harbour.example", email_verified=True, given_name="Jon")

    user = User.objects.get(email="jon@harbour.example")
    assert user_of(client) == str(user.pk)
    assert (user.first_name, user.memberships.get().group.name) == ("Jon", "Analyst")
    workspace.second_factor = True  # which is the provider's to ask for
    workspace.save()
    assert client.get("/admin/").status_code == 200
