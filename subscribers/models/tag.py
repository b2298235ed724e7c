from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.models.subscriber import Subscriber


class Tag(WorkspaceModel):
    """A marker that people carry."""

    prefix = "tag"

    name = models.CharField(max_length=64)
    slug = models.SlugField(max_length=64)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "slug"], name="tag_slug_taken")]

    def __str__(self) -> str:
        return self.name


class TagAssignment(models.Model):
    """One subscriber carries one tag."""

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="assignments")
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="tags", db_index=False
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "tag"], name="a_tag_sticks_once")
        ]

    def __str__(self) -> str:
        return f"{self.subscriber}: {self.tag}"
