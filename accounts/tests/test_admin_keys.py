from __future__ import annotations

import re

import pytest
from django.urls import reverse

from accounts import services
from accounts.models import APIKey, AuditEntry
from accounts.tests.backoffice import act, is_done, sign_in

pytestmark = pytest.mark.django_db

CREATE = "admin:accounts_apikey_create"
LIST = "admin:accounts_apikey_changelist"


def test_a_new_key_is_shown_once_and_works():
    client = sign_in()

    answer = act(client, reverse(CREATE), name="Shop", scopes=["lists:read", "lists:write"])

    shown = re.search(r"sk_[0-9a-f]{8}_[0-9a-f]{32}", answer.content.decode())[0]
    key = services.find_api_key(shown)
    assert (key.name, key.scopes) == ("Shop", ["lists:read", "lists:write"])
    assert (key.workspace, key.created_by) == (client.workspace, client.user)
    assert shown not in client.get(reverse(LIST)).content.decode()


def test_nobody_gives_away_more_than_they_hold():
    client = sign_in(role="Integrator")

    answer = act(client, reverse(CREATE), name="Shop", scopes=["team:write"])

    assert "team:write is not one of the available choices" in answer.content.decode()
    assert not APIKey.objects.exists()


def test_a_key_without_scopes_is_refused_at_the_field():
    client = sign_in()

    answer = act(client, reverse(CREATE), name="Shop")

    assert 'id="id_scopes_error"' in answer.content.decode()
    assert not APIKey.objects.exists()


def test_a_revoked_key_ends_at_once():
    client = sign_in()
    act(client, reverse(CREATE), name="Shop", scopes=["lists:read"])
    key = APIKey.objects.get()

    assert is_done(act(client, reverse("admin:accounts_apikey_revoke", args=[key.pk])))

    key.refresh_from_db()
    assert key.revoked_at is not None
    entry = AuditEntry.objects.order_by("-id").first()
    assert (entry.verb, entry.actor_label) == ("api_key.revoked", client.user.email)
