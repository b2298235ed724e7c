from __future__ import annotations

from django.db import models

from accounts.models import Workspace
from emailseq.lib import clock


class SendingPauseQuerySet(models.QuerySet["SendingPause"]):
    def stopping(self, workspace: Workspace) -> SendingPauseQuerySet:
        """Those that keep a workspace from sending: its own, and the one of all."""
        return self.filter(models.Q(workspace=None) | models.Q(workspace=workspace))


class SendingPause(models.Model):
    """While the row is there nothing leaves: of one workspace or, without one, of any."""

    workspace = models.ForeignKey(
        Workspace, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=300)
    by = models.CharField(max_length=254)
    paused_at = models.DateTimeField(default=clock.now)

    objects = SendingPauseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], nulls_distinct=False, name="paused_only_once"
            )
        ]

    def __str__(self) -> str:
        return self.reason


class Deployment(models.Model):
    """One row: which deployment, in which database of which cluster, may send these rows."""

    name = models.CharField(max_length=100, blank=True)
    system_identifier = models.BigIntegerField()
    database_oid = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name
