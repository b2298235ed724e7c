"""The door for mail servers: they post a mail that came to the bounce domain, as it came."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from delivery import callbacks
from emailseq.lib.errors import Invalid


@csrf_exempt  # the secret in the path is the authority
@require_POST
def ingest(request: HttpRequest, secret: str) -> HttpResponse:
    """Take a mail in: 200 once it is on the disk, 413 if it is too large, 400 if it is none.

    `?recipient=` is the address that it was delivered to. There is no such page unless
    EMAILSEQ_INBOUND_SECRET is set.
    """
    expected = settings.INBOUND_SECRET
    if not expected or not hmac.compare_digest(secret.encode(), expected.encode()):
        raise Http404
    raw = request.read(callbacks.MOST_BYTES + 1)
    if len(raw) > callbacks.MOST_BYTES:
        return _answer(413, f"A mail takes at most {callbacks.MOST_BYTES:,} bytes.")
    try:
        is_new = callbacks.keep_mail(raw, origin="HTTP", recipient=request.GET.get("recipient", ""))
    except Invalid as error:
        return _answer(400, error.detail)
    return _answer(200, "Taken." if is_new else "Known.")


def _answer(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
