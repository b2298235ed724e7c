"""A second factor: what a person has, or a workspace asks for, and whether a code is right."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt

from accounts.models import User
from accounts.services import lockout

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has(user: User) -> bool:
    """Whether a person signs in with more than a password."""
    return bool(who_have([user.pk]))


def who_have(users: Collection[int]) -> set[int]:
    """Those of the users, by id, who have one."""
    found = Authenticator.objects.filter(user__in=users, type__in=FACTORS)
    return set(found.values_list("user_id", flat=True))


def is_shown(request: Any) -> bool:
    """Whether a signed-in person has a second factor, or was let in by a provider, whose task it
    then is to ask for one."""
    records = get_authentication_records(request, request.user)
    return any(each["method"] == "socialaccount" for each in records) or has(request.user)


def check(user: User, code: str, *, ip: str | None) -> Authenticator | None:
    """The authenticator whose code this is: of the app, or a recovery code. Each is good once.

    None for a wrong one, and for any after too many wrong ones.
    """
    account = f"code:{user.pk}"
    if not lockout.begin(account, ip):
        return None
    own = Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.WEBAUTHN)
    for authenticator in own.order_by("pk"):
        is_app = authenticator.type == Authenticator.Type.TOTP
        if _use_up(authenticator, code) if is_app else authenticator.wrap().validate_code(code):
            lockout.succeeded(account, ip)
            return authenticator
    return None


def _use_up(authenticator: Authenticator, code: str) -> bool:
    """Whether the code is of now, and was not given before: the last one is remembered with it."""
    known = dict(authenticator.data)
    secret = decrypt(known["secret"])
    for counter in totp.yield_hotp_counters_from_time():
        expected = totp.format_hotp_value(totp.hotp_value(secret, counter))
        if counter > known.get("last", 0) and compare_user_code(actual=code, expected=expected):
            row = Authenticator.objects.filter(pk=authenticator.pk, data=known)
            authenticator.data = {**known, "last": counter}
            return bool(row.update(data=authenticator.data))
    return False
