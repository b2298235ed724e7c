from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from sequences.models.sequence import Sequence
from sequences.states import BackfillState

MAX_PER_DAY = 10**6


class Backfill(WorkspaceModel):
    """The people who match a sequence already, let in at a pace of so many a day.

    It walks from `reached` to `max_id`, who was the newest person when it began; the next one is
    let in at `next_at`. What stops half-way goes on there.
    """

    prefix = "bkf"

    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="backfills")
    state = models.CharField(
        max_length=10, choices=BackfillState.choices, default=BackfillState.RUNNING, editable=False
    )
    per_day = models.IntegerField()
    reached = models.BigIntegerField(default=0, editable=False)
    max_id = models.BigIntegerField(editable=False)
    next_at = models.DateTimeField(default=clock.now, editable=False)
    started_count = models.IntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sequence"],
                condition=models.Q(state=BackfillState.RUNNING),
                name="one_running_backfill",
            ),
            models.CheckConstraint(
                condition=models.Q(per_day__range=(1, MAX_PER_DAY)), name="backfill_per_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}, {self.per_day} a day"
