"""What the pages of the back office share: whose request it is, what they may do, how it looks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import escape

from accounts import permissions
from accounts.audit import Actor
from accounts.models import Membership, User, Workspace

# Mail and templates are somebody else's HTML: shown in a frame, which can run and submit nothing.
FRAME_POLICY = (
    "sandbox; default-src 'none'; img-src 'self' https: data:; style-src 'unsafe-inline'; "
    "font-src https: data:; frame-ancestors 'self'"
)


class Request(HttpRequest):
    """A request to the back office, as `emailseq.middleware` hands it on.

    `membership` says in which workspace the person works and with which role. Who has none gets no
    further than the login page, and then `workspace` and `actor` are missing.
    """

    user: User
    memberships: list[Membership]
    membership: Membership | None
    workspace: Workspace
    actor: Actor


def allows(request: Request, permission: str) -> bool:
    """Whether the person's role in this workspace includes `permission`, e.g. `lists:read`."""
    if request.membership is None:
        return False
    return permissions.granted(permissions.of_role(request.membership.group.name), permission)


def require(request: Request, permission: str) -> None:
    """Raises PermissionDenied unless the person's role includes `permission`."""
    if not allows(request, permission):
        raise PermissionDenied


def shell(request: Any) -> dict[str, Any]:
    """A context processor: what the frame of the admin needs, for the pages about signing in."""
    if not request.path.startswith("/admin/account/") or not hasattr(request, "membership"):
        return {}  # the page of an error may come before it is known who asks
    return admin.site.each_context(request)


def render_page(request: Request, template: str, *, title: str, **context: Any) -> TemplateResponse:
    """A page of its own, within the frame of the admin."""
    frame = admin.site.each_context(request)
    return TemplateResponse(request, template, {**frame, "title": title, **context})


def render_frame(html: str, *, text: str = "", style: str = "") -> HttpResponse:
    """Somebody else's HTML as the content of a sandboxed frame; where there is none, a text."""
    response = HttpResponse((html or f"<pre>{escape(text)}</pre>") + style)
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
