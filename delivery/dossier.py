"""What delivery has of one person, for `subscribers.dossier`."""

from __future__ import annotations

from collections.abc import Iterator

from delivery.models import (
    Confirmation,
    DataRequest,
    Feedback,
    Outbox,
    SendLedger,
    TransactionalMessage,
)
from subscribers.dossier import Part
from subscribers.models import Subscriber

_MESSAGE = ("kind", "template_version__subject", "list__name", "queued_at", "message_class")


def own_parts(person: Subscriber) -> Iterator[Part]:
    """Their messages, what became of them, and what they have answered."""
    sent = SendLedger.objects.filter(subscriber=person).order_by("id")
    yield (
        "messages",
        sent.values(
            *_MESSAGE,
            *("finished_at", "outcome", "reason", "reply", "opened_at", "clicked_at"),
            *("unsubscribed_at", "left_because"),
        ).iterator(),
    )
    waiting = Outbox.objects.filter(subscriber=person).order_by("id")
    yield "messages_waiting", waiting.values(*_MESSAGE, "run_at")
    yield (
        "transactional_data",
        TransactionalMessage.objects.filter(subscriber=person)
        .order_by("id")
        .values("template__name", "data", "headers", "created_at"),
    )
    yield (
        "confirmations",
        Confirmation.objects.filter(subscriber=person)
        .order_by("id")
        .values("state", "address", "asked_at", "answered_at", "answer_ip", "answer_agent"),
    )
    yield (
        "feedback",
        Feedback.objects.filter(subscriber=person)
        .order_by("id")
        .values("kind", "at", "address_key", "status", "reason", "told_by"),
    )
    asked = DataRequest.objects.filter(subscriber=person).order_by("id")
    yield "data_requests", asked.values("kind", "asked_at", "done_at")
