from __future__ import annotations

from delivery.models.hit import Hit
from delivery.models.ledger import SendLedger
from delivery.models.outbox import Lease, Outbox
from delivery.models.sender import SenderIdentity
from delivery.models.source import Source

__all__ = ["Hit", "Lease", "Outbox", "SendLedger", "SenderIdentity", "Source"]
