"""Forms of the sign-in pages that go by our own rules."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as account
from allauth.core import context
from allauth.mfa.base import forms as base
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import second_factor


class _Code:
    """Codes are counted and used up by `second_factor`, which the API asks, too."""

    user: Any
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        ip = context.request.META["REMOTE_ADDR"]
        self.authenticator = second_factor.check(self.user, code, ip=ip)
        if self.authenticator is None:
            raise forms.ValidationError(_("This code is wrong, used, or one too many."))
        return code


class CodeForm(_Code, base.AuthenticateForm):  # type: ignore[misc] # it ships no types
    """The second step of signing in."""


class CodeAgainForm(_Code, base.ReauthenticateForm):  # type: ignore[misc]
    """The same before something that matters."""


class ResetForm(account.ResetPasswordForm):  # type: ignore[misc]
    """Finds people by their address as it is stored: in whatever case."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        self.users = list(User.objects.filter(email__iexact=email, is_active=True))
        return email


class AcceptForm(forms.Form):
    """Who somebody is that accepts an invitation."""

    first_name = forms.CharField(
        label=_("First name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label=_("Last name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        help_text=_("At least eight characters."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
