"""How the sign-in pages behave here: closed to strangers, mail by our own outbox."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Actor
from accounts.models import Membership, User
from accounts.services import invited_by_provider, lockout
from delivery.services.notices import send_notice
from emailseq.lib import clock
from emailseq.lib.encrypted import Secret
from emailseq.lib.errors import Invalid

QUIET = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # it ships no types
    """People are made by invitations and commands alone."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        ip: str = request.META["REMOTE_ADDR"]
        return ip

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        if lockout.seconds_left(credentials.get("email", ""), self.get_client_ip(request)):
            raise self.validation_error("too_many_login_attempts")

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        for membership in user.memberships.select_related("workspace"):
            audit.record(membership.workspace, "user.signed_in", by=Actor.user(user), on=user)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *args: Any,
        **named: Any,
    ) -> None:
        """Without what everybody sees for themselves."""
        if message_template not in QUIET:
            super().add_message(request, level, message_template, *args, **named)

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """The link, good for an hour and once; a few times, lest somebody fills a mailbox."""
        membership = _first(user)
        ip = self.get_client_ip(current.request)
        if membership is None or not lockout.begin(f"reset:{user.pk}", ip):
            return
        send_notice(
            membership.workspace,
            to=user.email,
            subject=_("Your new password"),
            paragraphs=[
                _("Somebody, probably you, asked for a new password for emailseq."),
                _("The link is good for one hour, and once. If it was not you, do nothing."),
            ],
            path=reverse("reset", args=[f"{context['uid']}-{context['key']}"]),
            call=_("Choose a new password"),
            expires_at=clock.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT),
            by=audit.SYSTEM,
        )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Tell somebody what has changed about their login."""
        user = User.objects.filter(email__iexact=email).first()
        membership = user and _first(user)
        if not membership:
            return
        said = self.render_mail(template_prefix, email, {"request": current.request, **context})
        with suppress(Invalid):  # an address that no mail can reach
            send_notice(
                membership.workspace,
                to=email,
                subject=said.subject,
                paragraphs=[each for each in said.body.split("\n\n") if each.strip()],
                by=audit.SYSTEM,
            )


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Somebody's login is found by an address only if their provider vouches for it."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if sociallogin.is_existing or request.user.is_authenticated:
            return
        proved = [each.email for each in sociallogin.email_addresses if each.verified is True]
        told = sociallogin.user
        user = proved and invited_by_provider(
            proved[0], first_name=told.first_name, last_name=told.last_name
        )
        if user:
            sociallogin.connect(request, user)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """What codes are made from is encrypted at rest, like other secrets."""

    def encrypt(self, text: str) -> str:
        return Secret.of(text).token

    def decrypt(self, encrypted_text: str) -> str:
        return Secret(encrypted_text).reveal()


def _first(user: User) -> Membership | None:
    return user.memberships.select_related("workspace").order_by("pk").first()
