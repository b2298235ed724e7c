from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import APIKey, AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return Api(WorkspaceFactory())


def me(key):
    return Client().get("/api/v1/me", headers={"authorization": f"Bearer {key}"})


def test_a_key_is_shown_once_has_a_rate_of_its_own_and_ends(api):
    made = api("POST", "/api-keys", {"name": "shop", "scopes": ["lists:read"], "rate": "2/min"})

    assert made.status_code == 201
    key = made.json()["key"]
    shown = api("GET", made.headers["Location"]).json()
    assert "key" not in shown
    assert (shown["name"], shown["begins"]) == ("shop", key[:11])
    first, second, third = (me(key) for _ in range(3))
    assert (first.json()["scopes"], first.json()["rate"]) == (["lists:read"], "2/min")
    assert first.headers["X-RateLimit-Limit"] == "2"
    assert second.headers["X-RateLimit-Remaining"] == "0"
    assert (third.status_code, third.json()["code"]) == (429, "rate_limited")
    assert int(third.headers["Retry-After"]) > 0
    revoked = api("POST", f"/api-keys/{shown['id']}/revoke")
    assert (revoked.status_code, me(key).status_code) == (200, 401)


def test_nobody_gives_what_they_have_not_got():
    api = Api(WorkspaceFactory(), "keys:write", "lists:read")

    beyond = api("POST", "/api-keys", {"name": "x", "scopes": ["lists:read", "campaigns:send"]})
    odd = api("POST", "/api-keys", {"name": "x", "scopes": ["lists:read"], "rate": "often"})

    for answer, fault in ((beyond, "scope_missing"), (odd, "invalid")):
        assert answer.status_code == 400
        assert [one["code"] for one in answer.json()["errors"]] == [fault]
    assert APIKey.objects.count() == 1


def test_nobody_rises_by_rolling_a_key_that_can_do_more(api):
    mighty = api("POST", "/api-keys", {"name": "x", "scopes": ["campaigns:send"]}).json()
    humble = Api(APIKey.objects.get(name="x").workspace, "keys:write", "lists:read")

    refused = humble("POST", f"/api-keys/{mighty['id']}/roll")

    assert refused.status_code == 400
    assert [one["code"] for one in refused.json()["errors"]] == ["scope_missing"]
    assert APIKey.objects.filter(name="x").count() == 1
    assert me(mighty["key"]).status_code == 200


def test_a_rolled_key_goes_on_for_a_day(api):
    old = api("POST", "/api-keys", {"name": "shop", "scopes": ["lists:read"]}).json()

    rolled = api("POST", f"/api-keys/{old['id']}/roll")

    assert rolled.status_code == 201
    assert rolled.json()["id"] != old["id"]
    assert rolled.json()["scopes"] == ["lists:read"]
    assert me(old["key"]).status_code == me(rolled.json()["key"]).status_code == 200
    left = APIKey.objects.get(visible=old["begins"][3:]).expires_at - clock.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert AuditEntry.objects.filter(verb="api_key.rolled").count() == 1
    api("POST", f"/api-keys/{old['id']}/revoke")
    again = api("POST", f"/api-keys/{old['id']}/roll")
    assert (again.status_code, again.json()["code"]) == (409, "state_conflict")
