"""The one place where a password is compared, for the back office and the API."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.models import User
from accounts.services import lockout


class PasswordBackend(ModelBackend):
    """An address, in whatever case, and a password; ten wrong ones lock it for a quarter hour."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **named: Any,
    ) -> User | None:
        email = named.get("email") or username
        if not email or not password:
            return None
        ip = request.META["REMOTE_ADDR"] if request else None
        if not lockout.begin(email, ip):
            return None
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            User().set_password(password)  # takes as long as for somebody who is known
            return None
        if not user.check_password(password) or not self.user_can_authenticate(user):
            return None
        lockout.succeeded(email, ip)
        return user
