"""Role × action: what the roles may do over HTTP is what the one permission map says."""

from __future__ import annotations

import pytest
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from accounts import permissions
from accounts.authentication import ANY
from accounts.tests.factories import MembershipFactory
from tests.support.api import make_world, operations

OPERATIONS = operations()
OPEN = "/api/v1/auth/"  # who calls these has no credential yet


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_every_action_declares_a_permission_that_exists(operation):
    needed = operation.view.permissions[operation.action]

    assert needed == ANY or needed in permissions.ALL
    assert (needed == ANY) == (operation.path.startswith(OPEN) or operation.path == "/api/v1/me")


def test_nothing_is_declared_that_is_not_routed():
    routed = {}
    for operation in OPERATIONS:
        routed.setdefault(operation.view, set()).add(operation.action)

    for view, actions in routed.items():
        if view.__name__ != "SubscriberEnrollments":  # lists only what Enrollments does more with
            assert set(view.permissions) == actions, view


@pytest.mark.django_db
def test_nobody_gets_in_without_a_credential():
    world = make_world()

    for operation in OPERATIONS:
        if not operation.path.startswith(OPEN):
            answer = Client().generic(operation.method, world.fill(operation.path))
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.django_db
@pytest.mark.parametrize("role", permissions.ROLES)
def test_a_role_gets_as_far_as_the_map_says(role):
    world = make_world()
    member = MembershipFactory(workspace=world.workspace, role=role)
    token = AccessToken.for_user(member.user)
    client = Client(headers={"authorization": f"Bearer {token}"})
    held, before = permissions.of_role(role), world.snapshot()

    for operation in OPERATIONS:
        needed = operation.view.permissions[operation.action]
        if needed == ANY or permissions.granted(held, needed):
            continue
        answer = client.generic(
            operation.method, world.fill(operation.path), content_type="application/json"
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), operation
        assert answer.json()["scope"] == needed
    assert world.snapshot() == before
    for operation in OPERATIONS:
        needed = operation.view.permissions[operation.action]
        if operation.method == "GET" and permissions.granted(held, needed):
            answer = client.get(world.fill(operation.path))
            assert answer.status_code == 200, operation


@pytest.mark.django_db
def test_a_missing_permission_is_told_before_what_exists():
    world = make_world()
    member = MembershipFactory(workspace=world.workspace, role="Analyst")
    client = Client(headers={"authorization": f"Bearer {AccessToken.for_user(member.user)}"})

    there = client.post(f"/api/v1/campaigns/{world.ids['campaigns']}/send")
    nowhere = client.post("/api/v1/campaigns/cmp_00000000000000000000000000/send")

    assert there.status_code == nowhere.status_code == 403
    assert there.json()["scope"] == nowhere.json()["scope"] == "campaigns:send"
