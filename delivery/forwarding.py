"""Answers that came to a return path, which nobody reads, go on to where their sender reads them.

Some programs answer there. The mail is handed on as it came, so its signatures hold; a line on top
marks it, and what bears that mark already is not handed on again.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

from django.db import transaction
from django.db.models import F

from delivery import bounces, carriers
from delivery.models import Forward, Outbox, SendLedger, Transport
from delivery.safety import Withheld
from delivery.services import find_message
from delivery.services.transports import server_of, shared_server, shared_transport
from delivery.transports.smtp import (
    ConnectFailed,
    Connection,
    Envelope,
    Result,
    Server,
    WireOutcome,
)
from emailseq.lib import clock

MOST_TRIES = 8
TRY_AGAIN = timedelta(minutes=5)  # doubling: some ten hours in all
MARK = b"X-Emailseq-Forwarded"
_MARKED = re.compile(rb"^" + MARK + rb"[ \t]*:", re.IGNORECASE | re.MULTILINE)


class NotForwarded(Exception):
    """It was not handed over; the text says why."""


def send_due(limit: int = 20) -> int:
    """Hand on what is due; how many answers that were. After a crash one may leave twice."""
    rows = _claim(limit)
    for row in rows:
        try:
            _send(row)
        except (NotForwarded, Withheld, ConnectFailed) as error:
            _note_failure(row, str(error))
        else:
            Forward.objects.filter(pk=row.pk).update(sent_at=clock.now(), due_at=None, fault="")
    return len(rows)


@transaction.atomic
def _claim(limit: int) -> list[Forward]:
    """Take what is due, and put it off: if this worker dies, another tries again later."""
    now = clock.db_now()
    due = Forward.objects.due(now).select_for_update(skip_locked=True, of=("self",))
    rows = list(due.select_related("callback")[:limit])
    claimed = Forward.objects.filter(pk__in=[row.pk for row in rows])
    claimed.update(tries=F("tries") + 1, due_at=now + TRY_AGAIN)
    return rows


def _send(row: Forward) -> None:
    """Hand one on. Raises NotForwarded, Withheld or ConnectFailed."""
    message, raw = find_message(row.message_id), bytes(row.callback.body)
    if message is None:
        raise NotForwarded("The message is not known any more.")
    recipient = message.sender.reply_to or message.sender.email
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    if _MARKED.search(head) or recipient.lower() in bounces.read(raw).delivered_to:
        return  # it runs in circles, or they have it already
    marked = MARK + b": %d\n" % row.message_id + raw
    envelope = Envelope(
        row.pk,
        message.sender.email,
        carriers.safe_mode().recipient(recipient),
        re.sub(rb"\r\n|\r|\n", b"\r\n", marked),
    )
    result = asyncio.run(_hand_over(_server(message), envelope))
    if result.outcome is not WireOutcome.ACCEPTED:
        raise NotForwarded(str(result.reply))


async def _hand_over(server: Server, envelope: Envelope) -> Result:
    results: list[Result] = []
    connection = await Connection.open(server)
    await connection.send([envelope], report=results.append)
    await connection.aclose()
    return results[0]


def _server(message: SendLedger | Outbox) -> Server:
    """Where the message itself went, or would go now."""
    usable = Transport.objects.of(message.workspace).in_use()
    own = usable.filter(kind=Transport.SMTP).exclude(host="").order_by("preference", "id")
    carried = own.filter(pk=message.transport_id or 0).first()
    server = server_of(carried or own.first() or shared_transport(), shared=shared_server())
    return carriers.safe_mode().server(server)


def _note_failure(row: Forward, fault: str) -> None:
    tries = row.tries + 1
    again = clock.now() + TRY_AGAIN * 2**row.tries if tries < MOST_TRIES else None
    Forward.objects.filter(pk=row.pk).update(due_at=again, fault=fault.replace("\0", "")[:300])
