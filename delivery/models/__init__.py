from __future__ import annotations

from delivery.models.message import Hit, Lease, Message, Outbox, OutboxQuerySet, SendLedger
from delivery.models.source import MessageSource, SenderIdentity, Source, SourceKey

__all__ = [
    "Hit",
    "Lease",
    "Message",
    "MessageSource",
    "Outbox",
    "OutboxQuerySet",
    "SendLedger",
    "SenderIdentity",
    "Source",
    "SourceKey",
]
