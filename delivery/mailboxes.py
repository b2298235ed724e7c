"""Mailboxes are read each minute: what is new in them is written down, then deleted there."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial

import structlog
from django.db import transaction

from delivery import callbacks
from delivery.models import Mailbox
from delivery.services.mailboxes import place_of
from delivery.transports import pickup
from delivery.transports.pickup import PickupFailed, Visit
from emailseq.lib import clock
from emailseq.lib.encrypted import Undecipherable
from emailseq.lib.errors import Invalid

EVERY = timedelta(minutes=1)
LONGEST_REST = timedelta(hours=1)
LEASE = timedelta(minutes=5)  # for a worker that dies while it reads
SECONDS = 30

log = structlog.get_logger(__name__)


def read_due(*, seconds: float = SECONDS) -> int:
    """Read the mailboxes that are due, one after the other, for so long; how many mails came."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until and (mailbox := _claim()):
        count += _read(mailbox)
    return count


@transaction.atomic
def _claim() -> Mailbox | None:
    now = clock.db_now()
    due = Mailbox.objects.due(now).select_for_update(skip_locked=True, of=("self",))
    if mailbox := due.first():
        Mailbox.objects.filter(pk=mailbox.pk).update(due_at=now + LEASE)
    return mailbox


def _read(mailbox: Mailbox) -> int:
    row = Mailbox.objects.filter(pk=mailbox.pk)
    try:
        visit = pickup.visit(place_of(mailbox), partial(_take, mailbox))
    except (PickupFailed, Undecipherable) as error:
        _note_failure(mailbox, str(error))
        return 0
    now = clock.now()
    row.update(**_progress(visit), read_at=now, due_at=now if visit.has_more else now + EVERY)
    row.update(failing_since=None, failure_count=0, fault="")
    return visit.count


def _take(mailbox: Mailbox, raw: bytes) -> None:
    try:
        callbacks.keep_mail(raw, origin=f"mailbox {mailbox.name}")
    except Invalid:  # an empty mail: nothing is lost
        log.info("empty_mail", mailbox_id=mailbox.pk)


def _progress(visit: Visit) -> dict[str, int]:
    return {"uid_validity": visit.uid_validity, "last_uid": visit.last_uid}


def _note_failure(mailbox: Mailbox, fault: str) -> None:
    """It rests, ever longer; `doctor` tells of it."""
    now, tries = clock.now(), mailbox.failure_count
    log.warning("mailbox_failed", mailbox_id=mailbox.pk, fault=fault)
    Mailbox.objects.filter(pk=mailbox.pk).update(
        failing_since=mailbox.failing_since or now,
        failure_count=tries + 1,
        fault=fault[:300],
        due_at=now + min(EVERY * 2 ** min(tries, 10), LONGEST_REST),
    )
