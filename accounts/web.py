"""The page behind a one-time login link."""

from __future__ import annotations

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import services


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in by link. GET shows a button, lest a mail scanner uses the link up; POST does it."""
    if request.method != "POST":
        return render(request, "accounts/login.html")
    user = services.redeem_login_token(token)
    if user is None:
        return render(request, "accounts/login.html", {"refused": True}, status=410)
    auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("admin:index")
