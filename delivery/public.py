"""What the public pages share: how they are sent, whose host they stand on, who looks at them."""

from __future__ import annotations

from collections.abc import Collection

from django.http import Http404, HttpRequest
from django.utils.translation import get_language_from_request

from delivery.services.confirmations import Answerer
from delivery.tracking_hosts import WORKSPACE

PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


def check_host(request: HttpRequest, workspace_id: int) -> None:
    """Raise Http404 where something of one workspace is asked for by the host of another."""
    if request.META.get(WORKSPACE, workspace_id) != workspace_id:
        raise Http404


def language(request: HttpRequest, spoken: Collection[str], *, own: str = "") -> str:
    """The reader's own language or the one their browser prefers, of those that we speak."""
    for wanted in (own[:2].lower(), get_language_from_request(request)[:2]):
        if wanted in spoken:
            return wanted
    return "en"


def answerer(request: HttpRequest) -> Answerer:
    """From where an answer comes."""
    return Answerer(request.META.get("REMOTE_ADDR") or None, request.headers.get("User-Agent", ""))
