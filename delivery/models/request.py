from __future__ import annotations

from django.db import models

from accounts.models import Workspace, WorkspaceQuerySet
from delivery.states import RequestKind
from emailseq.lib import clock
from subscribers.models import Subscriber


class DataRequest(models.Model):
    """What somebody has asked for about their own data; a mail asks whether it was them."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.PROTECT, related_name="data_requests", db_index=False
    )
    kind = models.CharField(max_length=10, choices=RequestKind.choices)
    asked_at = models.DateTimeField(default=clock.now)
    done_at = models.DateTimeField(null=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=RequestKind.values), name="data_request_kind"
            ),
        ]
        indexes = [
            # How often somebody has asked of late.
            models.Index(fields=["subscriber", "asked_at"], name="data_request_of_subscriber"),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber}: {self.get_kind_display()}"
