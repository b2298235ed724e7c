from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.models.subscriber import Subscriber
from subscribers.states import SegmentKind, SegmentState


class SegmentQuerySet(WorkspaceQuerySet["Segment"]):
    def due(self) -> SegmentQuerySet:
        """Those whose members are to be looked up again, the longest due first."""
        due = self.filter(archived_at=None, refresh_due_at__lte=clock.db_now())
        return due.order_by("refresh_due_at")


class Segment(WorkspaceModel):
    """A saved rule over subscribers, and its members as of `refreshed_at`.

    Members change by `segments.refresh` alone. `announces` says whether the next refresh tells the
    log who comes and goes; `may_lose` that it may lose as many as it does, which a person allowed;
    `leaving_count` how many those would be. A frozen one keeps the members of its first refresh.
    """

    prefix = "seg"

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50)
    rule = models.JSONField()
    kind = models.CharField(max_length=10, choices=SegmentKind.choices, default=SegmentKind.DYNAMIC)
    state = models.CharField(
        max_length=10, choices=SegmentState.choices, default=SegmentState.BUILDING, editable=False
    )
    announces = models.BooleanField(default=False, editable=False)
    may_lose = models.BooleanField(default=False, editable=False)
    leaving_count = models.IntegerField(default=0, editable=False)
    member_count = models.IntegerField(default=0, editable=False)
    revision = models.IntegerField(default=1, editable=False)
    refreshed_at = models.DateTimeField(null=True, editable=False)
    refresh_due_at = models.DateTimeField(null=True, default=clock.now, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="segment_slug_taken"),
            models.CheckConstraint(
                condition=models.Q(state__in=SegmentState.values), name="segment_state"
            ),
        ]
        indexes = [
            models.Index(
                fields=["refresh_due_at"],
                name="segment_due",
                condition=models.Q(archived_at=None, refresh_due_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMember(models.Model):
    """One subscriber in one segment. Millions of rows: no index and no check but the key."""

    pk = models.CompositePrimaryKey("segment_id", "subscriber_id")
    segment = models.ForeignKey(
        Segment,
        on_delete=models.DO_NOTHING,
        related_name="members",
        db_constraint=False,
        db_index=False,
    )
    subscriber = models.ForeignKey(
        Subscriber,
        on_delete=models.DO_NOTHING,
        related_name="segments",
        db_constraint=False,
        db_index=False,
    )
    entered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.subscriber} in {self.segment}"
