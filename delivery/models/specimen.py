from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from delivery.models.source import SenderIdentity
from delivery.models.stop import SendingPause
from delivery.states import SpecimenState
from emailseq.lib import clock


class SpecimenQuerySet(WorkspaceQuerySet["Specimen"]):
    def due(self, now: datetime) -> SpecimenQuerySet:
        """What is to leave now, but for workspaces that may send nothing."""
        pauses = SendingPause.objects.filter(
            Q(workspace=None) | Q(workspace=OuterRef("workspace_id"))
        )
        return self.filter(~Exists(pauses), due_at__lte=now).order_by("due_at", "id")


class Specimen(WorkspaceModel):
    """A test send: a message for the eyes of its makers. It is complete but for its signature.

    No subscriber gets it and nothing counts it, so it is no message of the outbox. It leaves once
    at most: while somebody hands it over it is not due.
    """

    prefix = "spc"

    email = models.CharField(max_length=254)
    subject = models.CharField(max_length=500)
    content = models.BinaryField()
    sender = models.ForeignKey(SenderIdentity, on_delete=models.PROTECT, related_name="+")
    tries = models.IntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = SpecimenQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="specimen_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["workspace", "-id"], name="specimen_newest_first"),
        ]

    def __str__(self) -> str:
        return f"“{self.subject}” to {self.email}"

    @property
    def state(self) -> SpecimenState:
        if self.sent_at:
            return SpecimenState.SENT
        if self.due_at:
            return SpecimenState.QUEUED
        return SpecimenState.FAILED if self.fault else SpecimenState.UNDER_WAY
