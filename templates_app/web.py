"""Where messages find their pictures."""

from __future__ import annotations

import re

from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from templates_app.services.images import FOLDER

_NAME = re.compile(r"[0-9a-f]{32}\.(jpeg|png|gif)", re.ASCII)
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # another picture has another name
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@require_safe
def image(request: HttpRequest, name: str) -> HttpResponse:
    """A picture by the name that only messages know. Asks no database: a campaign asks often."""
    if not (found := _NAME.fullmatch(name)):
        raise Http404
    try:
        with default_storage.open(f"{FOLDER}/{name}") as file:
            content = file.read()
    except FileNotFoundError:
        raise Http404 from None
    return HttpResponse(content, content_type=f"image/{found[1]}", headers=_HEADERS)
