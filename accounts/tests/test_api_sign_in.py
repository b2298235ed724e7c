from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from accounts.audit import SYSTEM
from accounts.models import Membership
from accounts.services import create_api_key, revoke_api_key
from accounts.tests.api import Api
from accounts.tests.factories import MembershipFactory, UserFactory, WorkspaceFactory
from emailseq.lib import clock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def me(token, **headers):
    return Client().get("/api/v1/me", headers={"authorization": f"Bearer {token}", **headers})


def token_of(user):
    return str(AccessToken.for_user(user))


def post(path, body):
    return Client().post(f"/api/v1/auth/{path}", json.dumps(body), content_type="application/json")


def sign_in(user):
    user.set_password("correct horse")
    user.save(update_fields=["password"])
    return post("token", {"email": user.email, "password": "correct horse"})


def test_a_key_says_who_it_is():
    workspace = WorkspaceFactory()

    answer = Api(workspace, "lists:write", "subscribers:read")("GET", "/me")

    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("id").startswith("key_")
    assert body.pop("name").startswith("test (sk_")
    assert body == {
        "kind": "api_key",
        "workspace": {
            "id": workspace.public_id,
            "name": workspace.name,
            "slug": workspace.slug,
            "time_zone": "UTC",
        },
        "scopes": ["lists:read", "lists:write", "subscribers:read"],
        "rate": "6000/min",
    }


def test_a_person_signs_in_and_says_who_they_are():
    member = MembershipFactory(role="Analyst")

    signed_in = sign_in(member.user)
    answer = me(signed_in.json()["access"])

    assert signed_in.status_code == 200
    assert set(signed_in.json()) == {"access", "refresh"}
    assert answer.json()["kind"] == "user"
    assert answer.json()["id"] == member.user.public_id
    assert answer.json()["scopes"] == [
        "campaigns:read",
        "events:read",
        "lists:read",
        "reports:read",
        "segments:read",
        "sequences:read",
        "templates:read",
    ]


def test_no_database_id_is_in_a_token():
    user = UserFactory()

    assert AccessToken.for_user(user)["sub"] == str(user.uid)


def test_a_wrong_password_is_401():
    member = MembershipFactory()
    sign_in(member.user)

    answer = post("token", {"email": member.user.email, "password": "wrong"})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_guessing_is_stopped_for_that_address_only():
    member, other = MembershipFactory(), MembershipFactory()
    sign_in(member.user)
    body = {"email": member.user.email, "password": "wrong"}

    answers = [post("token", body) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 890 < int(answers[-1].headers["Retry-After"]) <= 900
    assert sign_in(member.user).status_code == 429
    assert sign_in(other.user).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "unauthenticated"),
        (
            {"authorization": "Bearer sk_00000000_00000000000000000000000000000000"},
            "unauthenticated",
        ),
        ({"authorization": "Bearer sk_nonsense"}, "unauthenticated"),
        ({"authorization": "Bearer a.b.c"}, "unauthenticated"),
        ({"authorization": "Bearer a b"}, "unauthenticated"),
        ({"authorization": "Basic dXNlcjpwYXNz"}, "unauthenticated"),
    ],
)
def test_bad_credentials_are_401(headers, code):
    answer = Client().get("/api/v1/me", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_key_in_the_query_string_is_refused():
    _, key = create_api_key(
        workspace=WorkspaceFactory(), name="test", scopes=["lists:read"], by=SYSTEM
    )

    assert Client().get(f"/api/v1/me?key={key}&authorization=Bearer {key}").status_code == 401


def test_a_revoked_and_an_expired_key_are_401():
    workspace = WorkspaceFactory()
    revoked, revoked_text = create_api_key(
        workspace=workspace, name="a", scopes=["lists:read"], by=SYSTEM
    )
    _, expired_text = create_api_key(
        workspace=workspace, name="b", scopes=["lists:read"], by=SYSTEM, expires_at=clock.now()
    )
    revoke_api_key(revoked, by=SYSTEM)

    assert me(revoked_text).status_code == 401
    assert me(expired_text).status_code == 401


def test_a_key_cannot_do_what_its_creator_may_not_any_more():
    member = MembershipFactory(role="Author")
    _, key = create_api_key(
        workspace=member.workspace,
        name="test",
        scopes=["templates:write", "subscribers:read", "lists:read"],
        by=SYSTEM,
        created_by=member.user,
    )

    before = me(key).json()["scopes"]
    Membership.objects.all().delete()
    after = me(key).json()["scopes"]

    assert before == ["lists:read", "templates:read", "templates:write"]
    assert after == []


def test_a_key_of_a_deactivated_creator_can_do_nothing():
    member = MembershipFactory()
    _, key = create_api_key(
        workspace=member.workspace,
        name="test",
        scopes=["lists:read"],
        by=SYSTEM,
        created_by=member.user,
    )
    member.user.is_active = False
    member.user.save(update_fields=["is_active"])

    assert me(key).json()["scopes"] == []


def test_an_expired_token_says_so():
    token = AccessToken.for_user(MembershipFactory().user)
    token.set_exp(lifetime=-timedelta(seconds=11))

    answer = me(str(token))

    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")


def test_a_token_with_one_flipped_bit_is_401():
    token = token_of(MembershipFactory().user)
    flipped = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]

    assert me(token).status_code == 200
    assert me(flipped).status_code == 401


def test_a_token_ends_with_the_password_it_was_made_under():
    member = MembershipFactory()
    tokens = sign_in(member.user).json()

    member.user.set_password("battery staple")
    member.user.save(update_fields=["password"])
    refreshed = post("token/refresh", {"refresh": tokens["refresh"]}).json()

    assert me(tokens["access"]).status_code == 401
    assert me(refreshed["access"]).status_code == 401


def test_the_workspace_is_named_when_there_are_several():
    user = UserFactory()
    first = MembershipFactory(user=user, role="Analyst").workspace
    second = MembershipFactory(user=user, role="Owner").workspace
    foreign = WorkspaceFactory()
    token = token_of(user)

    assert me(token).json()["errors"][0]["pointer"] == "/X-Workspace"
    for workspace in (first, second):
        answer = me(token, **{"x-workspace": workspace.public_id})
        assert answer.json()["workspace"]["id"] == workspace.public_id
    assert me(token, **{"x-workspace": foreign.public_id}).status_code == 404
    assert me(token, **{"x-workspace": "wsp_nonsense"}).status_code == 404


def test_who_belongs_nowhere_is_403_even_as_superuser():
    user = UserFactory(is_superuser=True)
    WorkspaceFactory()

    answer = me(token_of(user))

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_refreshing_uses_the_old_token_up():
    tokens = sign_in(MembershipFactory().user).json()

    fresh = post("token/refresh", {"refresh": tokens["refresh"]})

    assert fresh.status_code == 200
    assert me(fresh.json()["access"]).status_code == 200
    assert fresh.json()["refresh"] != tokens["refresh"]


def test_a_copied_refresh_token_ends_the_whole_family():
    member, other = MembershipFactory(), MembershipFactory()
    stolen = sign_in(member.user).json()["refresh"]
    bystander = sign_in(other.user).json()["refresh"]
    fresh = post("token/refresh", {"refresh": stolen}).json()["refresh"]

    again = post("token/refresh", {"refresh": stolen})

    assert (again.status_code, again.json()["code"]) == (401, "unauthenticated")
    assert post("token/refresh", {"refresh": fresh}).status_code == 401
    assert post("token/refresh", {"refresh": bystander}).status_code == 200


def test_a_revoked_refresh_token_is_useless():
    refresh = sign_in(MembershipFactory().user).json()["refresh"]

    revoked = post("token/revoke", {"refresh": refresh})

    assert revoked.status_code == 204
    assert post("token/refresh", {"refresh": refresh}).status_code == 401
    assert post("token/revoke", {"refresh": refresh}).status_code == 401


def test_an_access_token_cannot_refresh_and_a_refresh_token_cannot_call():
    tokens = sign_in(MembershipFactory().user).json()

    assert post("token/refresh", {"refresh": tokens["access"]}).status_code == 401
    assert me(tokens["refresh"]).status_code == 401


def test_tokens_ask_for_known_members_only():
    answer = post("token", {"email": "a@example.com", "code": 1})

    assert answer.status_code == 400
    assert {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]} == {
        ("/password", "required"),
        ("/code", "unknown_field"),
    }
