"""How people get in besides a password, and what ends."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import UntypedToken

from accounts.models import User
from emailseq.lib import clock, signing

LOGIN_LINK_LIFETIME = timedelta(minutes=30)


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
