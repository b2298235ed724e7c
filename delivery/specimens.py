"""Test sends: what somebody would get, for the eyes of its makers.

They leave as transactional messages do, by the transports, within safe mode, behind the fence and
not while sending is paused. But nobody's record is in them: no subscriber, no ledger, no tracking.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from delivery import carriers, dkim, envelope, letters, routing
from delivery.carriers import Carrier
from delivery.dkim import Signer
from delivery.envelope import Letterhead
from delivery.models import Lane, SenderIdentity, Specimen
from delivery.safety import SafeMode, Withheld
from delivery.services.transports import shared_server
from delivery.states import LaneState, MessageClass
from delivery.transports.smtp import ConnectFailed, Envelope, Result, WireOutcome
from emailseq.lib import clock, sql
from subscribers.models import Subscriber
from templates_app import rendering
from templates_app.compiler import Compiled

MARK = "[Test] "
MOST_TRIES = 5
TRY_AGAIN = timedelta(minutes=1)
KEPT = timedelta(days=7)
NO_DATA: Mapping[str, Any] = {}
_SHOWN = ("From", "To", "Reply-To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post")


def compose(
    compiled: Compiled,
    person: Subscriber,
    *,
    sender: SenderIdentity,
    to: str,
    name: str,
    language: str = "",
    data: Mapping[str, Any] = NO_DATA,
) -> tuple[str, bytes]:
    """Subject and message as `person` would get it, but marked and addressed `to` somebody else.

    Links lead to their targets, and those to pages of ours nowhere: whoever tries them out changes
    nobody's subscriptions. `name` makes its Message-ID. Raises RenderError and HeaderError.
    """
    spoken = compiled.spoken_to(language or person.language)
    context = {**letters.context_of(person), "data": data}
    parts = rendering.render(spoken, context, rendering.inert(spoken, context))
    subject = MARK + parts.subject
    written = envelope.assemble(
        _letterhead(sender, one_click=False),
        to_name="",
        to_email=to,
        subject=subject,
        date=clock.now(),
        message_id=f"<{name}@{sender.email.rpartition('@')[2]}>",
        unsubscribe_url=None,
        text_qp=parts.text_qp,
        html_qp=parts.html_qp,
    )
    return subject, written


def head(
    subject: str, person: Subscriber, *, sender: SenderIdentity, message_class: str
) -> list[tuple[str, str]]:
    """The headers of a message to somebody that they and their mail program see."""
    one_click = message_class == MessageClass.MARKETING
    written = envelope.assemble(
        _letterhead(sender, one_click=one_click),
        to_name=f"{person.first_name} {person.last_name}".strip(),
        to_email=person.email,
        subject=subject,
        date=clock.now(),
        message_id="<of.its.own@example.com>",
        unsubscribe_url=f"{settings.TRACKING_URL}/u/..." if one_click else None,
        text_qp=[],
        html_qp=[],
    )
    read = message_from_bytes(written, policy=policy.default)
    return [(name, str(read[name])) for name in _SHOWN if read[name]]


def send_due(limit: int = 50) -> int:
    """Hand over what is due; how many that were. None leaves twice, whoever is killed."""
    rows = _claim(limit)
    ways = {carrier.id: carrier for carrier in carriers.load(shared_server())} if rows else {}
    for carrier_id, own in _by_carrier(rows, ways).items():
        if carrier_id is None:
            _put_off(own, "No transport carries it at present.")
        else:
            _hand_over(own, ways[carrier_id], carriers.safe_mode())
    return len(rows)


def forget() -> int:
    """Delete those that nobody looks at any more."""
    return Specimen.objects.filter(created_at__lt=clock.now() - KEPT).delete()[0]


@transaction.atomic
def _claim(limit: int) -> list[Specimen]:
    """Take what is due. What a worker that dies has taken is due no more: it may have left."""
    due = Specimen.objects.due(clock.now()).select_for_update(skip_locked=True, of=("self",))
    rows = list(due.select_related("sender")[:limit])
    Specimen.objects.filter(pk__in=[row.pk for row in rows]).update(
        due_at=None, tries=F("tries") + 1
    )
    return rows


def _by_carrier(
    rows: Sequence[Specimen], ways: Mapping[int, Carrier]
) -> dict[int | None, list[Specimen]]:
    """Who carries each, None for nobody; a transport that is paused as a whole carries nothing."""
    paused = set(
        Lane.objects.filter(message_class="", domain_group="", state=LaneState.PAUSED).values_list(
            "transport_id", flat=True
        )
    )
    routes = [carrier.route for carrier in ways.values() if carrier.id not in paused]
    found: dict[int | None, list[Specimen]] = defaultdict(list)
    for row in rows:
        lanes = routing.lanes(
            routes,
            workspace_id=row.workspace_id,
            message_class=MessageClass.TRANSACTIONAL,
            transport_id=row.sender.transport_id,
            domain_group="other",
        )
        found[lanes[0].transport_id if lanes else None].append(row)
    return found


def _hand_over(rows: Sequence[Specimen], carrier: Carrier, safety: SafeMode) -> None:
    envelopes, signers = [], dict[int, tuple[Signer, ...]]()
    for row in rows:
        try:
            recipient = safety.recipient(row.email)
        except Withheld as withheld:
            Specimen.objects.filter(pk=row.pk).update(fault=str(withheld))
            continue
        if row.sender_id not in signers:
            signers[row.sender_id] = _signers(row.sender)
        signed = dkim.sign(bytes(row.content), signers[row.sender_id], at=clock.now())
        envelopes.append(Envelope(row.pk, row.sender.email, recipient, signed))
    by_id = {row.pk: row for row in rows}
    if not envelopes:
        return
    try:
        results = asyncio.run(_talk(carrier, envelopes))
    except ConnectFailed as failed:
        _put_off([by_id[each.id] for each in envelopes], str(failed))
        return
    for result in results:
        _settle(by_id[result.id], result)


async def _talk(carrier: Carrier, envelopes: Sequence[Envelope]) -> list[Result]:
    results: list[Result] = []
    wire = await carriers.connect(carrier)
    await wire.send(envelopes, report=results.append)
    await wire.aclose()
    return results


def _settle(row: Specimen, result: Result) -> None:
    own, said = Specimen.objects.filter(pk=row.pk), str(result.reply)[:300].replace("\0", "")
    if result.outcome is WireOutcome.ACCEPTED:
        own.update(sent_at=clock.now(), fault="")
    elif result.outcome is WireOutcome.IN_DOUBT:
        own.update(fault=f"Nobody knows whether it left: {said}"[:300])
    elif result.reply.code >= 500:
        own.update(fault=said or "It was refused.")
    else:
        _put_off([row], said)


def _put_off(rows: Sequence[Specimen], why: str) -> None:
    """These have not left, and are tried again a few times."""
    for row in rows:
        again = clock.now() + TRY_AGAIN if row.tries + 1 < MOST_TRIES else None
        Specimen.objects.filter(pk=row.pk).update(due_at=again, fault=why[:300])


def _signers(sender: SenderIdentity) -> tuple[Signer, ...]:
    query = {"sender_id": sender.pk, "list_id": None, "kind": "", "source_id": 0}
    with connection.cursor() as cursor:
        cursor.execute(sql.load("delivery", "stationery"), query)
        names = [column.name for column in cursor.description or ()]
        shared = dict(zip(names, cursor.fetchone() or (), strict=True))
    return letters.signers(shared)


def _letterhead(sender: SenderIdentity, *, one_click: bool) -> Letterhead:
    return Letterhead(
        from_name=sender.name,
        from_email=sender.email,
        reply_to=sender.reply_to,
        list_id=None,
        feedback_id=f"{sender.pk}:{sender.workspace.slug}:test:emailseq",
        one_click=one_click,
    )
