from __future__ import annotations

from django.db import models

from accounts.models.workspace import Workspace, WorkspaceQuerySet
from emailseq.lib import clock


class AuditEntry(models.Model):
    """Who did what to which object. Append-only: a trigger refuses UPDATE and DELETE."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    actor_kind = models.CharField(max_length=10)
    actor_id = models.BigIntegerField(default=0)
    actor_label = models.CharField(max_length=254)
    verb = models.CharField(max_length=64)
    object_kind = models.CharField(max_length=32)
    object_id = models.BigIntegerField(default=0)
    object_label = models.CharField(max_length=254)
    changes = models.JSONField(default=dict)
    at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["workspace", "-id"], name="audit_newest_first")]

    def __str__(self) -> str:
        return f"{self.actor_label}: {self.verb}"
