from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceQuerySet
from delivery.models.outbox import Message
from delivery.states import Outcome


class LedgerQuerySet(WorkspaceQuerySet["SendLedger"]):
    def of_source(self, kind: str, source_id: int) -> LedgerQuerySet:
        return self.filter(kind=kind, source_id=source_id)


class SendLedger(Message):
    """What became of each message: append-only but for the first open, click and unsubscribe.

    Partitioned by month of `finished_at`; the table is made by SQL in the first migration.
    """

    id = models.BigIntegerField(primary_key=True)
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.CharField(max_length=200)
    reply = models.CharField(max_length=500)
    opened_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)

    objects = LedgerQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "delivery_ledger"
        verbose_name = "message"

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id} to {self.subscriber_id}: {self.outcome}"
