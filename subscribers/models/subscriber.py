from __future__ import annotations

from django.db import models

from accounts.models import Workspace, WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.states import Frequency

MAX_NAME = 100


class Subscriber(WorkspaceModel):
    """One person with one address in one workspace."""

    prefix = "sub"

    workspace = models.ForeignKey(
        Workspace,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,  # like a place's list
    )
    email = models.CharField(max_length=254)
    address_key = models.CharField(max_length=254, editable=False, db_collation="C")
    first_name = models.CharField(max_length=MAX_NAME, blank=True)
    last_name = models.CharField(max_length=MAX_NAME, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    fields = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    # What they have chosen themselves: marketing waits until then, and comes as often as that.
    snoozed_until = models.DateTimeField(null=True, blank=True, editable=False)
    frequency = models.CharField(
        max_length=10,
        choices=Frequency.choices,
        default=Frequency.ALL,
        db_default=Frequency.ALL.value,
    )
    language = models.CharField(max_length=10, blank=True, default="", db_default="")
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also what a prefix search on the address reads.
            models.UniqueConstraint(fields=["workspace", "address_key"], name="one_per_address"),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="subscriber_newest_first")]

    def __str__(self) -> str:
        return self.email

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()
