from __future__ import annotations

from django.db import models

from accounts.models import Workspace
from delivery.states import SourceKind


class Source(models.Model):
    """Delivery's small mirror of what it may send for: a campaign or a sequence, held or not.

    Written by the verb that pauses, resumes or ends the source, in its own transaction.
    """

    kind = models.CharField(max_length=20, choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    held = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "source_id"], name="source_mirrored_once")
        ]

    def __str__(self) -> str:
        return self.name
