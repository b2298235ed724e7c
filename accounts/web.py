"""The pages behind links in mail: to sign in once, to join a team, to choose a new password."""

from __future__ import annotations

from typing import Any

from allauth.account.utils import perform_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services
from accounts.forms import AcceptForm
from accounts.models import Invitation, User
from emailseq.lib.errors import AppError, Invalid

METHODS = ["GET", "HEAD", "POST"]


@never_cache
@require_http_methods(METHODS)
def login(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in by link. GET shows a button, lest a mail scanner uses the link up; POST does it.

    It stands for the password: whoever has a second factor is asked for that.
    """
    if request.method != "POST":
        return render(request, "accounts/login.html")
    user = services.redeem_login_token(token)
    if user is None:
        return render(request, "accounts/login.html", {"refused": True}, status=410)
    return _let_in(request, user)


@never_cache
@require_http_methods(METHODS)
@sensitive_post_parameters("password")
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: who is new says who they are, who is known signs in and says yes."""
    invitation = services.find_invitation(token)
    if invitation is None:
        return render(request, "accounts/join.html", {"refused": True}, status=410)
    known = User.objects.filter(email__iexact=invitation.email).exists()
    if known and request.user.is_authenticated:
        return _join_as(request, invitation)
    form = None if known else AcceptForm(request.POST or None)
    if form and form.is_valid():
        try:
            return _let_in(request, services.accept_as_new(invitation, **form.cleaned_data))
        except Invalid as error:
            for problem in error.errors:
                name = problem.pointer.strip("/")
                form.add_error(name if name in form.fields else None, problem.detail)
    return render(request, "accounts/join.html", {"invitation": invitation, "form": form})


@never_cache
@require_http_methods(["GET", "HEAD"])
def reset(request: HttpRequest, key: str) -> HttpResponse:
    """A link to choose a new password, as short as mail has it."""
    uid, _, secret = key.partition("-")
    return redirect("account_reset_password_from_key", uidb36=uid, key=secret or "-")


def _join_as(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """For somebody signed in: a button, if the invitation is theirs."""
    user: Any = request.user
    theirs = user.email.casefold() == invitation.email.casefold()
    if request.method == "POST" and theirs:
        try:
            services.accept([invitation], user)
        except AppError:
            return render(request, "accounts/join.html", {"refused": True}, status=410)
        request.session["workspace"] = invitation.workspace_id
        return redirect("admin:index")
    context = {"invitation": invitation, "signed_in": True, "theirs": theirs}
    return render(request, "accounts/join.html", context)


def _let_in(request: HttpRequest, user: User) -> HttpResponse:
    response: HttpResponse = perform_login(request, user, email_verification="none")
    return response
