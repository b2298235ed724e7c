from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from accounts.models import APIKey, AuditEntry
from accounts.tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db


def run(**options):
    out = StringIO()
    call_command("create_api_key", name="Shop", stdout=out, **options)
    return out.getvalue().strip()


def test_the_key_is_shown_once_and_works():
    workspace = WorkspaceFactory()

    text = run(scopes="subscribers:write, lists:read")

    answer = Client().get("/api/v1/me", headers={"authorization": f"Bearer {text}"})
    assert answer.json()["scopes"] == ["lists:read", "subscribers:read", "subscribers:write"]
    assert answer.json()["workspace"]["slug"] == workspace.slug
    key = APIKey.objects.get()
    assert text.rpartition("_")[2] not in key.secret_hash
    assert AuditEntry.objects.get(verb="api_key.created").actor_label == "manage.py create_api_key"


def test_scripts_get_json():
    WorkspaceFactory(slug="other")
    WorkspaceFactory(slug="harbour")

    made = json.loads(run(scopes="lists:read", workspace="harbour", json=True))

    key = APIKey.objects.get()
    assert made["workspace"] == key.workspace.slug == "harbour"
    assert made["id"] == key.public_id
    assert made["key"].startswith(f"sk_{key.visible}_")


@pytest.mark.parametrize(
    ("slugs", "options", "reason"),
    [
        ([], {"scopes": "lists:read"}, "There is no workspace."),
        (["a"], {"scopes": "lists:read", "workspace": "b"}, "There is no workspace “b”."),
        (["a", "b"], {"scopes": "lists:read"}, "There are several workspaces"),
        (["a"], {"scopes": "lists:red"}, "Unknown scopes: lists:red."),
        (["a"], {"scopes": ""}, "Unknown scopes"),
    ],
)
def test_what_cannot_be_done_is_said(slugs, options, reason):
    for slug in slugs:
        WorkspaceFactory(slug=slug)

    with pytest.raises(CommandError, match=reason):
        run(**options)

    assert not APIKey.objects.exists()
