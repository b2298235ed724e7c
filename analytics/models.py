from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import models

from accounts.models import Workspace, WorkspaceQuerySet
from templates_app.models import TemplateVersion


class RollupKey(NamedTuple):
    """What one rollup counts: the columns that tell it from all others."""

    workspace_id: int
    source_kind: str
    source_id: int
    step_key: str
    variant: str
    kind: str
    verdict: str
    hour: datetime
    version_id: int = 0


@dataclass(frozen=True)
class Total:
    """How often something happened, and how often for the first time to a message."""

    count: int = 0
    first_count: int = 0

    def __str__(self) -> str:
        return f"{self.count} ({self.first_count} first)"

    def __sub__(self, other: Total) -> Total:
        return Total(self.count - other.count, self.first_count - other.first_count)


class LinkRollup(models.Model):
    """How often a link of a message was followed, and by how many people (`first_count`).

    Written by the consumer "links" alone.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    source_kind = models.CharField(max_length=20)
    source_id = models.BigIntegerField()
    step_key = models.CharField(max_length=40)
    variant = models.CharField(max_length=20)
    template_version = models.ForeignKey(
        TemplateVersion,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    link = models.IntegerField()
    verdict = models.CharField(max_length=10)
    count = models.BigIntegerField()
    first_count = models.BigIntegerField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    *("source_kind", "source_id", "step_key", "variant"),
                    *("template_version", "link", "verdict"),
                ],
                name="one_rollup_per_link",
            ),
        ]

    def __str__(self) -> str:
        return f"link {self.link} of {self.template_version_id}: {self.count}"


class Rollup(models.Model):
    """How often something happened in one hour, and how often for the first time to a message.

    `version_id` is the version of a sequence under which it did; 0 where there is none, or nobody
    knows. Written by the consumer "rollups" alone; every number the product shows is a sum of
    these.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    source_kind = models.CharField(max_length=20)
    source_id = models.BigIntegerField()
    step_key = models.CharField(max_length=40)
    variant = models.CharField(max_length=20)
    kind = models.CharField(max_length=40)
    verdict = models.CharField(max_length=10)
    hour = models.DateTimeField()
    version_id = models.BigIntegerField(default=0, db_default=0)
    count = models.BigIntegerField()
    first_count = models.BigIntegerField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also what the numbers of a source are read by.
            models.UniqueConstraint(
                fields=[
                    "source_kind",
                    "source_id",
                    "step_key",
                    "variant",
                    "kind",
                    "verdict",
                    "hour",
                    "workspace",
                    "version_id",
                ],
                name="one_rollup_per_hour",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "hour"], name="rollup_by_hour")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.hour:%Y-%m-%d %H}: {self.count}"
