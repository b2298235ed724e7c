"""The verbs of API keys."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction

from accounts import audit, permissions
from accounts.audit import Actor
from accounts.models import APIKey, Membership, User, Workspace
from emailseq.lib import clock
from emailseq.lib.errors import Invalid, StateConflict

ROLLS_FOR = timedelta(hours=24)  # how long a key goes on that another has taken the place of
_RATE = re.compile(r"[1-9][0-9]{0,6}/(s|min|h)")


@transaction.atomic
def create_api_key(
    workspace: Workspace,
    *,
    name: str,
    scopes: Collection[str],
    by: Actor,
    created_by: User | None = None,
    expires_at: datetime | None = None,
    rate: str = "",
) -> tuple[APIKey, str]:
    """Make a key; the second value is its full text, which cannot be shown again.

    `rate` is how often it may call, like 300/min; API_RATE by default. Raises Invalid.
    """
    unknown = sorted(set(scopes) - permissions.ALL)
    if unknown or not scopes:
        detail = f"Unknown scopes: {', '.join(unknown)}." if unknown else "A key needs a scope."
        raise Invalid.field("scopes", "not_found", detail)
    if rate and not _RATE.fullmatch(rate):
        raise Invalid.field("rate", "invalid", "A rate is written like 50/s, 300/min or 5000/h.")
    visible, secret = secrets.token_hex(4), secrets.token_hex(16)
    key = APIKey.objects.create(
        workspace=workspace,
        name=name,
        visible=visible,
        secret_hash=_hash(secret),
        scopes=sorted(scopes),
        created_by=created_by,
        expires_at=expires_at,
        rate=rate,
    )
    audit.record(workspace, "api_key.created", by=by, on=key, changes={"scopes": key.scopes})
    return key, f"sk_{visible}_{secret}"


def find_api_key(text: str) -> APIKey | None:
    """The valid key whose full text is `text`. Compares in constant time; notes its use."""
    parts = text.split("_")
    if len(parts) != 3 or parts[0] != "sk":
        return None
    now = clock.now()
    keys = APIKey.objects.valid(now=now).select_related("workspace", "created_by")
    key = keys.filter(visible=parts[1]).first()
    if key is None or not hmac.compare_digest(key.secret_hash, _hash(parts[2])):
        return None
    if key.last_used_at is None or now - key.last_used_at > timedelta(minutes=1):
        APIKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def rights_of_key(key: APIKey) -> frozenset[str]:
    """What a key may do: its scopes, as far as the person who made it may still do it."""
    scopes = permissions.expand(key.scopes)
    if key.created_by_id is None:
        return scopes
    memberships = Membership.objects.filter(workspace=key.workspace_id, user=key.created_by_id)
    creator = memberships.filter(user__is_active=True).select_related("group").first()
    role = permissions.of_role(creator.group.name) if creator else frozenset()
    return scopes & permissions.expand(role)


@transaction.atomic
def revoke_api_key(key: APIKey, *, by: Actor) -> bool:
    """End a key at once; False when it had ended before."""
    revoked = APIKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=clock.now())
    if revoked:
        audit.record(key.workspace_id, "api_key.revoked", by=by, on=key)
    return bool(revoked)


@transaction.atomic
def roll_api_key(key: APIKey, *, by: Actor) -> tuple[APIKey, str]:
    """Make another key like this one, which ends in a day; the full text, as `create_api_key`.

    Raises StateConflict for a key that has ended.
    """
    now = clock.now()
    locked = APIKey.objects.select_for_update(no_key=True).get(pk=key.pk)
    if locked.revoked_at or (locked.expires_at and locked.expires_at <= now):
        raise StateConflict("This key has ended: make a new one.", state="ended", allowed=())
    last = min(locked.expires_at or now + ROLLS_FOR, now + ROLLS_FOR)
    next_key, text = create_api_key(
        locked.workspace,
        name=locked.name,
        scopes=locked.scopes,
        by=by,
        created_by=locked.created_by,
        expires_at=locked.expires_at,
        rate=locked.rate,
    )
    APIKey.objects.filter(pk=key.pk).update(expires_at=last)
    audit.record(locked.workspace_id, "api_key.rolled", by=by, on=key)
    return next_key, text


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
