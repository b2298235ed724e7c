from __future__ import annotations

from typing import ClassVar, TypedDict

from django.db import models

from accounts.models import Workspace, WorkspaceModel, WorkspaceQuerySet
from delivery.states import CapPolicy, SourceKind
from emailseq.lib import clock


class SenderIdentity(WorkspaceModel):
    """A From name and address, and where answers go."""

    prefix = "snd"

    name = models.CharField(max_length=100)
    email = models.CharField(max_length=254)
    reply_to = models.CharField(max_length=254, blank=True)
    # The only one that carries its messages; any of the workspace's, where there is none.
    transport = models.ForeignKey(
        "delivery.Transport", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        verbose_name = "sender"

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class SourceKey(TypedDict):
    """Which campaign or sequence a message comes from."""

    kind: str
    source_id: int


class MessageSource(WorkspaceModel):
    """What messages come from, a campaign or a sequence: what both have."""

    source_kind: ClassVar[str]

    name = models.CharField(max_length=100)
    sender = models.ForeignKey(SenderIdentity, on_delete=models.PROTECT, related_name="+")
    revision = models.IntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> SourceKey:
        """Its name to every verb of delivery, and what its messages are found by."""
        return {"kind": self.source_kind, "source_id": self.pk}


class Source(models.Model):
    """Delivery's small mirror of what it may send for: a campaign or a sequence, held or not.

    Written by the verb that pauses, resumes or ends the source, in its own transaction.
    """

    kind = models.CharField(max_length=20, choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    held = models.BooleanField(default=False)
    # When its messages may leave, as `localtime.stored` has it; what a cap does to them; and whose
    # turn it is under a cap: the higher rank.
    window = models.JSONField(null=True)
    cap_policy = models.CharField(
        max_length=10,
        choices=CapPolicy.choices,
        default=CapPolicy.RESCHEDULE,
        db_default=CapPolicy.RESCHEDULE.value,
    )
    rank = models.SmallIntegerField(default=0, db_default=0)
    held_reason = models.CharField(max_length=700, blank=True, default="", db_default="")
    # When it last was held by itself; what happened before that is not held against it again.
    braked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "source_id"], name="source_mirrored_once")
        ]

    def __str__(self) -> str:
        return self.name
