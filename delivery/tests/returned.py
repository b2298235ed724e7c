"""Messages that have left, and mail about them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from delivery import return_path, services
from delivery.models import Outbox, SendLedger
from delivery.tests.factories import queue
from subscribers.models import List, Subscriber
from subscribers.tests.factories import ListFactory, make_audience

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DOMAIN = "bounce.harbour.example"
_MAILS = Path(__file__).with_name("bounces")


def sent(
    count: int = 1,
    *,
    source_id: int = 1,
    people: Sequence[Subscriber] = (),
    on: List | None = None,
    finished_at: datetime = NOW - 20 * DAY,
) -> list[SendLedger]:
    """Messages that have left, a person each."""
    on = on or ListFactory()
    rows = queue([*people] or make_audience(count, on=on), on=on, source_id=source_id)
    lease = uuid.uuid4()
    ids = [row.pk for row in rows]
    Outbox.objects.filter(pk__in=ids).update(lease_token=lease)
    services.finish([(pk, "sent", "", "250 OK") for pk in ids], token=lease)
    SendLedger.objects.filter(pk__in=ids).update(finished_at=finished_at)
    return [*SendLedger.objects.filter(pk__in=ids).order_by("id")]


def way_back(message: SendLedger | Outbox, purpose: str = "b") -> str:
    """The address at which mail about a message is believed."""
    tag = return_path.tag(message.subscriber.address_key)
    return return_path.write(purpose, message_id=message.pk, address_tag=tag, domain=DOMAIN)


def mail(name: str, *, to: str) -> bytes:
    """One of the samples, sent to an address of ours."""
    raw = _MAILS.joinpath(f"{name}.eml").read_bytes()
    return raw.replace(b"b+token@bounce.news.example", to.encode())
