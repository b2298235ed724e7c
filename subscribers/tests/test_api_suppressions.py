from __future__ import annotations

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from subscribers.models import Suppression
from subscribers.services import suppress
from subscribers.states import SuppressionReason

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


def test_an_address_is_suppressed_once(api):
    body = {"email": "Bad@Example.com", "note": "asked by phone"}

    first, again = api("POST", "/suppressions", body), api("POST", "/suppressions", body)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert {name: first.json()[name] for name in ("email", "reason", "note")} == {
        "email": "bad@example.com",
        "reason": "manual",
        "note": "asked by phone",
    }
    assert Suppression.objects.count() == 1


def test_suppressions_are_found_by_address_and_reason(api, workspace):
    suppress(workspace, email="a@example.com", reason=SuppressionReason.COMPLAINT, by=SYSTEM)
    suppress(workspace, email="b@example.com", reason=SuppressionReason.MANUAL, by=SYSTEM)

    def found(query):
        return [row["email"] for row in api("GET", f"/suppressions?{query}").json()["data"]]

    assert found("") == ["b@example.com", "a@example.com"]
    assert found("q=A") == ["a@example.com"]
    assert found("reason=manual") == ["b@example.com"]


def test_lifting_says_why(api, workspace):
    made = suppress(workspace, email="a@example.com", reason=SuppressionReason.MANUAL, by=SYSTEM)

    mute = api("POST", f"/suppressions/{made.public_id}/lift")
    lifted = api("POST", f"/suppressions/{made.public_id}/lift", {"reason": "a mistake"})
    gone = api("POST", f"/suppressions/{made.public_id}/lift", {"reason": "a mistake"})

    assert mute.json()["errors"][0] == {
        "pointer": "/reason",
        "code": "required",
        "detail": "This field is required.",
    }
    assert (lifted.status_code, gone.status_code) == (204, 404)
    assert AuditEntry.objects.get(verb="suppression.lifted").changes["reason"] == "a mistake"


def test_nobody_lifts_a_persons_own_no(api, workspace):
    made = suppress(
        workspace, email="a@example.com", reason=SuppressionReason.UNSUBSCRIBED, by=SYSTEM
    )

    answer = api("POST", f"/suppressions/{made.public_id}/lift", {"reason": "please"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "own_no"
    assert Suppression.objects.exists()


def test_a_marketer_may_suppress_and_not_lift(workspace):
    marketer = Api(workspace, "subscribers:write")
    made = marketer("POST", "/suppressions", {"email": "a@example.com"})

    answer = marketer("POST", f"/suppressions/{made.json()['id']}/lift", {"reason": "a mistake"})

    assert answer.json()["scope"] == "delivery:write"
