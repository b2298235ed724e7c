"""What came in about messages: written down at once, applied by a tick, forgotten after a month.

Whoever hands something in is answered once it is written down. Reading it may fail and is tried
again; what fails for good is parked with the reason, and nothing else waits for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Sum

from delivery.models import Callback, Forward, SendLedger, Transport
from delivery.services.feedback import SUPPRESSES, NewFeedback, record_feedback
from delivery.states import Outcome
from emailseq.lib import clock
from emailseq.lib.errors import Invalid

MOST_TRIES = 5
TRY_AGAIN = timedelta(minutes=5)  # also after a worker that died over it
KEPT = timedelta(days=30)
MOST_BYTES = 10 * 1024 * 1024
# More suppressions than this share of a day's messages, within an hour and from one place, are
# looked at by a person first: a secret that has leaked must not empty the lists.
MOST_HARM, LEAST_HARM = 0.05, 50
HELD = "Held: too many suppressions from there within an hour. Read once more, it is applied."
_RECIPIENT = re.compile(r"[!-;=?-~]{1,64}@[!-;=?-~]{1,255}")

log = structlog.get_logger(__name__)


class Told(NamedTuple):
    """What a callback says of messages of ours, and a word about what it is.

    `answers` is the message that it answers, if somebody should get to read it.
    """

    feedback: Sequence[NewFeedback]
    note: str = ""
    answers: int | None = None


Reader = Callable[[Callback], Told]
READERS: dict[str, Reader] = {}


def reader(form: str) -> Callable[[Reader], Reader]:
    """Register who reads the callbacks of a form."""

    def register(function: Reader) -> Reader:
        READERS[form] = function
        return function

    return register


def keep(body: bytes, *, form: str, origin: str, transport: Transport | None = None) -> bool:
    """Write down what came in; False when the same was written down before.

    `origin` says which way it came. Only when this has returned and the caller's transaction, if
    there is one, has committed may the other side forget it.
    """
    salt = f"{form}:{transport.pk if transport else 0}:".encode()
    _, is_new = Callback.objects.get_or_create(
        sha256=sha256(salt + body).digest(),
        defaults={"form": form, "origin": origin[:100], "transport": transport, "body": body},
    )
    return is_new


def keep_mail(raw: bytes, *, origin: str, recipient: str = "") -> bool:
    """Write down a mail as it came, or its first MOST_BYTES; False when it is known already.

    `recipient` is the address that it was delivered to, where the way in knows it. Raises Invalid
    for what is no mail at all.
    """
    if raw.startswith(b"From "):  # how pipes mark where a mail begins
        raw = raw.partition(b"\n")[2]
    if not raw.strip():
        raise Invalid.field("", "empty", "There is no mail in this.")
    if _RECIPIENT.fullmatch(recipient):
        raw = f"Delivered-To: {recipient}\r\n".encode() + raw
    return keep(raw[:MOST_BYTES], form=Callback.Form.MAIL, origin=origin)


def apply(limit: int = 200) -> int:
    """Read what is due and act on it; how many callbacks that were."""
    rows = _claim(limit)
    if rows and not _try(rows):
        for row in rows:
            _try([row])
    return len(rows)


def retry() -> int:
    """Have what was kept aside read once more, or handed on; how much it is."""
    anew: dict[str, Any] = {"due_at": clock.now(), "tries": 0}
    return Callback.objects.parked().update(**anew) + Forward.objects.parked().update(**anew)


def forget(limit: int = 5000) -> int:
    """Drop what is older than a month and not waiting; how much it was."""
    waiting = Forward.objects.exclude(due_at=None)
    old = Callback.objects.filter(received_at__lt=clock.now() - KEPT, due_at=None).exclude(
        Exists(waiting.filter(callback=OuterRef("pk")))
    )
    chosen = list(old.values_list("pk", flat=True)[:limit])
    Forward.objects.filter(callback__in=chosen).delete()
    return Callback.objects.filter(pk__in=chosen).delete()[0]


@transaction.atomic
def _claim(limit: int) -> list[Callback]:
    """Take what is due, and put it off: if this worker dies, another tries again later."""
    now = clock.db_now()
    rows = list(Callback.objects.due(now).select_for_update(skip_locked=True)[:limit])
    claimed = Callback.objects.filter(pk__in=[row.pk for row in rows])
    claimed.update(tries=F("tries") + 1, due_at=now + TRY_AGAIN)
    return rows


def _try(rows: Sequence[Callback]) -> bool:
    """Apply all of these or none; of a single one that fails, note why."""
    try:
        with transaction.atomic():
            _apply(rows, now=clock.now())
    except Exception as error:  # noqa: BLE001 - whatever it is: it is tried again, then parked
        if len(rows) == 1:
            _note_failure(rows[0], error)
        return False
    return True


def _apply(rows: Sequence[Callback], *, now: datetime) -> None:
    told = {row: READERS[row.form](row) for row in rows}
    for row, each in told.items():
        row.harm = sum(feedback.kind in SUPPRESSES for feedback in each.feedback)
    floods = _floods(rows, now)
    held = {row for row in rows if row.harm and row.note != HELD and _place(row) in floods}
    passed = {row: each for row, each in told.items() if row not in held}
    record_feedback(feedback for each in passed.values() for feedback in each.feedback)
    for row in held:
        row.due_at, row.note = None, HELD
    for row, each in passed.items():
        row.applied_at, row.due_at, row.note = now, None, each.note[:500]
    answers = [
        Forward(callback=row, message_id=each.answers)
        for row, each in passed.items()
        if each.answers
    ]
    Forward.objects.bulk_create(answers, ignore_conflicts=True)
    Callback.objects.bulk_update(rows, ["applied_at", "due_at", "note", "harm"])


Place = tuple[str, int | None]


def _place(row: Callback) -> Place:
    return row.origin, row.transport_id


def _floods(rows: Sequence[Callback], now: datetime) -> set[Place]:
    """The places that ask for more suppressions within an hour than is likely."""
    asked: Counter[Place] = Counter()
    for row in rows:
        asked[_place(row)] += row.harm
    return {place for place, harm in asked.items() if harm and _is_flood(place, harm, now)}


def _is_flood(place: Place, harm: int, now: datetime) -> bool:
    origin, transport_id = place
    before = Callback.objects.filter(
        origin=origin, transport=transport_id, harm__gt=0, applied_at__gt=now - timedelta(hours=1)
    )
    harm += before.aggregate(harm=Sum("harm"))["harm"] or 0
    if harm <= LEAST_HARM:
        return False
    day = SendLedger.objects.filter(outcome=Outcome.SENT, finished_at__gt=now - timedelta(days=1))
    return harm > MOST_HARM * day.count()


def _note_failure(row: Callback, error: Exception) -> None:
    log.error("callback_failed", callback_id=row.pk, error=repr(error))
    changes = {"note": f"{type(error).__name__}: {error}".replace("\0", "")[:500]}
    found = Callback.objects.filter(pk=row.pk)
    found.update(**changes)
    found.filter(tries__gte=MOST_TRIES).update(due_at=None)
