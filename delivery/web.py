"""The public pages that a message links to. No login, no script; the token is the authority.

GET and HEAD change nothing but statistics: scanners follow every link of every message.
"""

from __future__ import annotations

from functools import lru_cache

import structlog
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from delivery import hits, letters, services, tracking
from delivery.states import HitKind
from emailseq.lib.signing import BadToken
from templates_app import rendering
from templates_app.rendering import RenderError

PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}

log = structlog.get_logger(__name__)


@require_safe
def open_pixel(request: HttpRequest, token: str) -> HttpResponse:
    """A transparent pixel of 43 bytes; fetching it counts as an open."""
    message_id, _ = _read(tracking.OPEN, token)
    _record(request, message_id, HitKind.OPEN, 0)
    return HttpResponse(PIXEL, content_type="image/gif", headers=_PRIVATE)


@require_safe
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Redirect to the stored target of a link; following it counts as a click."""
    message_id, number = _read(tracking.CLICK, token)
    try:
        target = _target(message_id, number)
    except DatabaseError:
        return HttpResponse("Please try again in a minute.", status=503, content_type="text/plain")
    _record(request, message_id, HitKind.CLICK, number)
    return HttpResponseRedirect(target, headers=_PRIVATE)


@csrf_exempt  # RFC 8058: mailbox providers post without cookies; the token is the authority
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a page with one button; POST, from it or from a mailbox provider, does it."""
    message_id, _ = _read(tracking.UNSUBSCRIBE, token)
    message = services.find_message(message_id)
    if message is None:
        raise Http404
    if request.method == "POST":
        services.record_unsubscribe(message)
    context = {"message": message, "done": request.method == "POST"}
    page = render_to_string("delivery/unsubscribe.html", context, request)
    return HttpResponse(page, headers=_PRIVATE)


def _read(purpose: str, token: str) -> tuple[int, int]:
    try:
        return tracking.read(purpose, token)
    except BadToken:
        raise Http404 from None


def _record(request: HttpRequest, message_id: int, kind: str, link: int) -> None:
    """HEAD never counts, and statistics never spoil the answer."""
    if request.method == "HEAD":
        return
    try:
        hits.record(
            message_id=message_id,
            kind=kind,
            link=link,
            user_agent=request.headers.get("User-Agent", ""),
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except DatabaseError as error:
        log.warning("hit_lost", kind=kind, error=str(error))


@lru_cache(maxsize=10_000)
def _target(message_id: int, number: int) -> str:
    """Where a link leads, for this reader; remembered, so that it works while PostgreSQL restarts.

    Raises Http404 for a message or a link number that does not exist.
    """
    message = services.find_message(message_id)
    if message is None:
        raise Http404
    links, context = message.template_version.links, letters.context_of(message.subscriber)
    try:
        return rendering.link_target(links, number=number, context=context)
    except (LookupError, RenderError):
        raise Http404 from None
