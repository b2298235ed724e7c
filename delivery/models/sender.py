from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock


class SenderIdentity(WorkspaceModel):
    """A From name and address, and where answers go."""

    prefix = "snd"

    name = models.CharField(max_length=100)
    email = models.CharField(max_length=254)
    reply_to = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "sender identities"

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"
