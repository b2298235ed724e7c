from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models.workspace import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock


class APIKeyQuerySet(WorkspaceQuerySet["APIKey"]):
    def valid(self, *, now: datetime) -> APIKeyQuerySet:
        """Neither revoked nor expired."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        return self.filter(unexpired, revoked_at=None)


class APIKey(WorkspaceModel):
    """A server's credential, `sk_<visible>_<secret>`. Only the secret's SHA-256 is stored."""

    prefix = "key"

    name = models.CharField(max_length=100)
    visible = models.CharField(max_length=8, unique=True)
    secret_hash = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=50))
    # CASCADE: without its creator a key would have more rights, not fewer.
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    # How often it may call, e.g. 300/min; empty: API_RATE.
    rate = models.CharField(max_length=16, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = APIKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} (sk_{self.visible}_…)"
