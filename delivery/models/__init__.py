from __future__ import annotations

from delivery.models.message import Hit, Lease, Message, Outbox, OutboxQuerySet, SendLedger
from delivery.models.source import MessageSource, SenderIdentity, Source, SourceKey
from delivery.models.transport import Lane, RecipientDomain, Transport

__all__ = [
    "Hit",
    "Lane",
    "Lease",
    "Message",
    "MessageSource",
    "Outbox",
    "OutboxQuerySet",
    "RecipientDomain",
    "SendLedger",
    "SenderIdentity",
    "Source",
    "SourceKey",
    "Transport",
]
