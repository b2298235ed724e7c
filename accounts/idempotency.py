"""A POST that is repeated with the same Idempotency-Key has its effect once.

The effect and the memory of its answer commit together: a crash leaves neither. Only success is
remembered; after a refusal the request is mended and sent again with the same key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from accounts.authentication import ApiRequest
from accounts.models import RememberedAnswer
from emailseq.lib import clock, sql
from emailseq.lib.api.problems import Refused
from emailseq.lib.encrypted import Secret
from emailseq.lib.errors import Invalid

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


@transaction.atomic
def once(
    act: Callable[..., Response], request: ApiRequest, *arguments: Any, **named: Any
) -> Response:
    """The answer of `act`, or the one that it gave the first time.

    Raises Refused: while the first time goes on, and for the same key with another body.
    """
    told = json.dumps(request.data, sort_keys=True, default=_of_file)
    scope, body_digest = _scope(request), _digest(told)
    [(is_mine,)] = sql.fetch("accounts", "lock_answer", {"number": int(scope[:15], 16)})
    if not is_mine:
        raise Refused("idempotency_in_flight", "The first request with this key still runs.")
    earlier = RememberedAnswer.objects.filter(scope=scope, at__gt=clock.now() - KEPT).first()
    if earlier:
        return _repeat(earlier, body_digest)
    response = act(request, *arguments, **named)
    if 200 <= response.status_code < 300:
        remembered = {
            "body_digest": body_digest,
            "status": response.status_code,
            "location": response.headers.get("Location", ""),
            "answer": Secret.of(JSONRenderer().render(response.data).decode()),
            "at": clock.now(),
        }
        RememberedAnswer.objects.update_or_create(scope=scope, defaults=remembered)
    return response


def forget(*, limit: int = 10_000) -> int:
    """Forget answers that are older than a day; how many they were."""
    old = RememberedAnswer.objects.filter(at__lt=clock.now() - KEPT)
    oldest = old.order_by("at").values("pk")[:limit]
    return RememberedAnswer.objects.filter(pk__in=oldest).delete()[0]


def _scope(request: ApiRequest) -> str:
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        detail = "From 1 to 255 printable characters of ASCII, no blank at either end."
        raise Invalid.field(HEADER, "idempotency_key_invalid", detail)
    who = request.workspace.pk, request.actor.kind, request.actor.id
    return _digest(json.dumps([*who, request.method, request.path, key]))


def _repeat(earlier: RememberedAnswer, body_digest: str) -> Response:
    if earlier.body_digest != body_digest:
        raise Refused("idempotency_mismatch", "The key was used for another request.")
    text = earlier.answer.reveal()
    headers = {"Idempotent-Replayed": "true"}
    if earlier.location:
        headers["Location"] = earlier.location
    return Response(json.loads(text) if text else None, status=earlier.status, headers=headers)


def _of_file(file: UploadedFile[Any]) -> list[str]:
    """What stands for an uploaded file: its name and its content."""
    digest = sha256()
    for piece in file.chunks():
        digest.update(piece)
    file.seek(0)
    return [str(file.name), digest.hexdigest()]


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
