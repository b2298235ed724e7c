from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Workspace, WorkspaceModel, WorkspaceQuerySet
from analytics.states import Attribution, Breadth
from emailseq.lib import clock
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
    """How often something happened, how often for the first time to a message, and what it
    came to."""

    count: int = 0
    first_count: int = 0
    amount: int = 0  # of money, in hundredths

    def __str__(self) -> str:
        spent = f", {self.amount / 100:.2f} spent" if self.amount else ""
        return f"{self.count} ({self.first_count} first{spent})"

    def __sub__(self, other: Total) -> Total:
        return Total(
            self.count - other.count,
            self.first_count - other.first_count,
            self.amount - other.amount,
        )


class LinkKey(NamedTuple):
    """What one count of a link counts."""

    workspace_id: int
    source_kind: str
    source_id: int
    step_key: str
    variant: str
    template_version_id: int
    link: int
    verdict: str


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
    amount = models.BigIntegerField(default=0, db_default=0)  # of money, in hundredths

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


class ShareKey(NamedTuple):
    """What one share counts."""

    workspace_id: int
    source_kind: str
    source_id: int
    by: str
    value: str
    detail: str
    kind: str
    verdict: str
    day: date | None


class Share(models.Model):
    """How often something happened, by something finer: of one source at all times (`day` is
    None), or of the whole workspace on a day in UTC (`source_*` are empty).

    `by` says what `value` is, e.g. a mailbox provider; `detail` tells more of it, e.g. why mail
    came back. Written by the consumer "shares" alone.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    source_kind = models.CharField(max_length=20)
    source_id = models.BigIntegerField()
    by = models.CharField(max_length=10, choices=Breadth.choices)
    value = models.CharField(max_length=253)
    detail = models.CharField(max_length=60)
    kind = models.CharField(max_length=40)
    verdict = models.CharField(max_length=10)
    day = models.DateField(null=True)
    count = models.BigIntegerField()
    first_count = models.BigIntegerField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    *("source_kind", "source_id", "by", "workspace", "day"),
                    *("value", "detail", "kind", "verdict"),
                ],
                name="one_share",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.by} {self.value}: {self.count}"


class Habits(models.Model):
    """When one person opened or clicked, as far as it looks like a person.

    `days` is on how many days they did (in UTC), `hours` how often in each of the 24 hours of the
    day. Written by the consumer "habits" alone.
    """

    subscriber = models.OneToOneField(
        "subscribers.Subscriber",
        primary_key=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    workspace = models.ForeignKey(
        Workspace,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    days = models.IntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    hours = ArrayField(models.IntegerField())

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "last_at"], name="habits_last")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} on {self.days} days"


class ConversionQuerySet(WorkspaceQuerySet["Conversion"]):
    def counting(self) -> ConversionQuerySet:
        return self.filter(archived_at=None)


class Conversion(WorkspaceModel):
    """What people are to do in the end: an event under a name that integrators tell.

    It is credited to one message at most, the last one before it that its reader clicked or was
    sent (`attribution`), if that was at most `window_days` ago. `amount_property` of the event says
    what it came to.
    """

    prefix = "cnv"

    name = models.CharField(max_length=100)
    event_name = models.CharField(max_length=64)
    amount_property = models.CharField(max_length=64, blank=True, default="")
    window_days = models.PositiveSmallIntegerField(default=7)
    attribution = models.CharField(
        max_length=10, choices=Attribution.choices, default=Attribution.CLICKED
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)

    objects = ConversionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="conversion_name_taken",
                condition=models.Q(archived_at=None),
            ),
            models.CheckConstraint(
                condition=models.Q(window_days__gte=1, window_days__lte=90),
                name="conversion_window",
            ),
        ]

    def __str__(self) -> str:
        return self.name
