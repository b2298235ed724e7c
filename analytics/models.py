from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

from django.db import models
from django.db.models import F, Sum
from django.db.models.expressions import Combinable

from accounts.models import Workspace, WorkspaceQuerySet


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


@dataclass(frozen=True)
class Total:
    """How often something happened, and how often for the first time to a message."""

    count: int = 0
    first_count: int = 0

    def __str__(self) -> str:
        return f"{self.count} ({self.first_count} first)"

    def __sub__(self, other: Total) -> Total:
        return Total(self.count - other.count, self.first_count - other.first_count)


# By event kind and verdict.
Totals = dict[tuple[str, str], Total]


class RollupQuerySet(WorkspaceQuerySet["Rollup"]):
    def of_source(self, kind: str, *source_ids: int) -> Self:
        return self.filter(source_kind=kind, source_id__in=source_ids)

    def totals(self) -> Totals:
        """The sums of the rollups per (kind, verdict); what never happened is absent."""
        return self.totals_by(models.Value(0)).get(0, {})

    def totals_by(self, group: str | Combinable) -> dict[Any, Totals]:
        """The same for each value of a column or expression."""
        rows = (
            self.values_list(F(group) if isinstance(group, str) else group, "kind", "verdict")
            .annotate(Sum("count"), Sum("first_count"))
            .order_by()
        )
        totals: dict[Any, Totals] = defaultdict(dict)
        for value, kind, verdict, count, first_count in rows:
            totals[value][kind, verdict] = Total(count, first_count)
        return dict(totals)


class Rollup(models.Model):
    """How often something happened in one hour, and how often for the first time to a message.

    Written by the consumer "rollups" alone; every number the product shows is a sum of these.
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
    count = models.BigIntegerField()
    first_count = models.BigIntegerField()

    objects = RollupQuerySet.as_manager()

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
                ],
                name="one_rollup_per_hour",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "hour"], name="rollup_by_hour")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.hour:%Y-%m-%d %H}: {self.count}"
