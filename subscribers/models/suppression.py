from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.states import SuppressionReason


class Suppression(WorkspaceModel):
    """An address that must not be sent to, whoever carries it; lifting deletes the row, audited."""

    prefix = "sup"

    address_key = models.CharField(max_length=254, db_collation="C")
    reason = models.CharField(max_length=20, choices=SuppressionReason.choices)
    note = models.CharField(max_length=500, blank=True)
    message_id = models.BigIntegerField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "address_key"], name="suppressed_only_once"
            ),
        ]

    def __str__(self) -> str:
        return self.address_key
