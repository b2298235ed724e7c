"""The verbs of logins, workspaces and keys."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import UntypedToken

from accounts import audit, permissions
from accounts.audit import Actor
from accounts.models import APIKey, Membership, User, Workspace
from emailseq.lib import clock, localtime, signing, text
from emailseq.lib.errors import Invalid

LOGIN_LINK_LIFETIME = timedelta(minutes=30)


@transaction.atomic
def create_workspace(*, name: str, slug: str, by: Actor, postal_address: str = "") -> Workspace:
    """Make a workspace, or return the one that has the slug already."""
    workspace, created = Workspace.objects.get_or_create(
        slug=slug, defaults={"name": name, "postal_address": postal_address}
    )
    if created:
        audit.record(workspace, "workspace.created", by=by, on=workspace)
    return workspace


@transaction.atomic
def update_workspace(workspace: Workspace, *, by: Actor, **changes: Any) -> Workspace:
    """Change name, postal_address, time_zone, awake (when marketing may reach people, as
    `localtime.stored` has it; None: always), cap_per_day or cap_per_week (None: no cap), or
    approval_above (None: nobody needs a second person).

    Raises Invalid.
    """
    if unknown := changes.keys() - WORKSPACE_SETTINGS:
        raise TypeError(f"A workspace has no {', '.join(unknown)} to change.")
    for name, check in _WORKSPACE_CHECKS.items():
        if name in changes:
            check(name, changes[name])
    text.check(**{name: changes[name] for name in ("name", "postal_address") if name in changes})
    for name, value in changes.items():
        setattr(workspace, name, value)
    workspace.save(update_fields=[*changes])
    audit.record(workspace, "workspace.updated", by=by, on=workspace, changes=changes)
    return workspace


def _check_name(name: str, value: str) -> None:
    if not value.strip():
        raise Invalid.field(name, "required", "A workspace has a name.")


def _check_zone(name: str, value: str) -> None:
    if not localtime.zone_or(value, localtime.UTC_ZONE)[1]:
        raise Invalid.field(name, "invalid", f"“{value}” is no time zone, such as Europe/Berlin.")


def _check_awake(name: str, value: Mapping[str, Any] | None) -> None:
    try:
        for window in localtime.stored(value, zone=""):
            if window.opens == window.closes:
                raise Invalid.field(name, "invalid", "That is all day: leave it out.")
    except (KeyError, TypeError, ValueError) as error:
        detail = "Say from when to when, like {“opens”: “07:00”, “closes”: “22:00”}."
        raise Invalid.field(name, "invalid", detail) from error


def _check_cap(name: str, value: int | None) -> None:
    if value is not None and not 1 <= value <= 100:
        raise Invalid.field(name, "out_of_range", "A cap is between 1 and 100 messages.")


def _check_approval(name: str, value: int | None) -> None:
    if value is not None and not 1 <= value <= 10_000_000:
        raise Invalid.field(name, "out_of_range", "That is between 1 and 10,000,000 recipients.")


_WORKSPACE_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "name": _check_name,
    "time_zone": _check_zone,
    "awake": _check_awake,
    "cap_per_day": _check_cap,
    "cap_per_week": _check_cap,
    "approval_above": _check_approval,
}
WORKSPACE_SETTINGS = {*_WORKSPACE_CHECKS, "postal_address"}


@transaction.atomic
def add_member(*, email: str, workspace: Workspace, role: str, by: Actor) -> User:
    """Give the user of `email` (made if new, without a password) a role; replaces an older one."""
    if role not in permissions.ROLES:
        raise Invalid.field("role", "not_found", f"There is no role “{role}”.")
    user = User.objects.filter(email__iexact=email).first()
    user = user or User.objects.create_user(email, is_staff=True)
    Membership.objects.update_or_create(
        workspace=workspace, user=user, defaults={"group": Group.objects.get(name=role)}
    )
    audit.record(workspace, "member.added", by=by, on=user, changes={"role": role})
    return user


@transaction.atomic
def create_api_key(
    workspace: Workspace,
    *,
    name: str,
    scopes: Collection[str],
    by: Actor,
    created_by: User | None = None,
    expires_at: datetime | None = None,
) -> tuple[APIKey, str]:
    """Make a key; the second value is its full text, which cannot be shown again."""
    unknown = sorted(set(scopes) - permissions.ALL)
    if unknown or not scopes:
        detail = f"Unknown scopes: {', '.join(unknown)}." if unknown else "A key needs a scope."
        raise Invalid.field("scopes", "not_found", detail)
    visible, secret = secrets.token_hex(4), secrets.token_hex(16)
    key = APIKey.objects.create(
        workspace=workspace,
        name=name,
        visible=visible,
        secret_hash=_hash(secret),
        scopes=sorted(scopes),
        created_by=created_by,
        expires_at=expires_at,
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
def revoke_copied(token: str) -> int:
    """A used-up refresh token that comes back was copied: end all of its person's refresh tokens.

    Returns how many ended; 0 for a token that is not ours, or was never used up.
    """
    try:
        jti = UntypedToken(token)["jti"]  # type: ignore[arg-type]
    except TokenError:
        return 0
    used = OutstandingToken.objects.filter(jti=jti, blacklistedtoken__isnull=False).first()
    if used is None:
        return 0
    family = OutstandingToken.objects.filter(user=used.user_id, blacklistedtoken=None)
    ended = [BlacklistedToken(token=one) for one in family]
    return len(BlacklistedToken.objects.bulk_create(ended, ignore_conflicts=True))


def forget_tokens(*, limit: int = 10_000) -> int:
    """Forget refresh tokens that have expired, used up or not; how many they were."""
    expired = OutstandingToken.objects.filter(expires_at__lt=clock.now()).order_by("pk")
    ids = list(expired.values_list("pk", flat=True)[:limit])
    OutstandingToken.objects.filter(pk__in=ids).delete()
    return len(ids)


def login_token(user: User) -> str:
    """A token that signs `user` in within half an hour, and once: `last_login` is part of it."""
    expires = int((clock.now() + LOGIN_LINK_LIFETIME).timestamp())
    return signing.sign("l", f"{user.pk}|{expires}|{user.last_login}".encode())


def redeem_login_token(token: str) -> User | None:
    """The user of a fresh, unused token, which is used up by this. None for any other."""
    try:
        pk, expires, stamp = signing.read("l", token).decode().split("|")
    except (signing.BadToken, ValueError):
        return None
    with transaction.atomic():
        user = User.objects.select_for_update().filter(pk=int(pk), is_active=True).first()
        now = clock.now()
        if user is None or now.timestamp() > int(expires) or stamp != str(user.last_login):
            return None
        User.objects.filter(pk=user.pk).update(last_login=now)
    return user


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
