"""The doors for what comes back by HTTP: mail servers post a mail that came to the bounce domain,
ESPs tell what became of messages."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from delivery import callbacks, esps
from delivery.models import Callback, Transport
from emailseq.lib import ids
from emailseq.lib.encrypted import Undecipherable
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


@csrf_exempt  # the ESP proves itself, by a password or a signature
@require_http_methods(["HEAD", "POST"])  # HEAD is how some ask whether there is anybody
def hear(request: HttpRequest, transport_id: str) -> HttpResponse:
    """Take in what an ESP tells of messages: 200 once it is on the disk, 401 if it is forged, 413
    if it is too large, 400 if it cannot be read.

    There is no such page unless the transport has a secret for callbacks.
    """
    transport, esp, secret = _caller(transport_id)
    if request.method == "HEAD":
        return _answer(200, "")
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = request.read(most + 1)
    if len(body) > most:
        return _answer(413, f"A callback takes at most {most:,} bytes.")
    content_type = request.META.get("CONTENT_TYPE", "")[:200].partition("\n")[0]
    again = esps.request_of(body, content_type=content_type, environment=request.META)
    try:
        esps.verify(esp, secret, again)
        esps.parse(esp, again)
    except esps.Forged:
        return _answer(401, "This does not come from the ESP.")
    except ValueError as error:
        return _answer(400, str(error))
    is_new = callbacks.keep(
        f"{content_type}\n".encode() + body,
        form=Callback.Form.ESP,
        origin=esp.label,
        transport=transport,
    )
    return _answer(200, "Taken." if is_new else "Known.")


def _caller(transport_id: str) -> tuple[Transport, esps.Esp, str]:
    """The transport whose ESP may call, and how it proves itself. Raises Http404."""
    uid = ids.decode(Transport.prefix, transport_id)
    transport = Transport.objects.in_use().filter(uid=uid).first() if uid else None
    if not transport or not transport.esp or not transport.callback_secret:
        raise Http404
    try:
        return transport, transport.esp, transport.callback_secret.reveal()
    except Undecipherable as error:
        raise Http404 from error


def _answer(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
