from __future__ import annotations

from datetime import datetime

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from sequences.models.sequence import Sequence, SequenceVersion
from sequences.states import LIVE_RUN, EnrollmentState
from subscribers.models import Subscriber


class EnrollmentQuerySet(WorkspaceQuerySet["Enrollment"]):
    def due(self, *, now: datetime) -> EnrollmentQuerySet:
        return self.filter(state=EnrollmentState.ACTIVE, due_at__lte=now)

    def live(self) -> EnrollmentQuerySet:
        """Runs that have not ended."""
        return self.filter(state__in=LIVE_RUN)


class Enrollment(WorkspaceModel):
    """One subscriber's way through a sequence, pinned to a version. `position` is a step key."""

    prefix = "enr"

    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="enrollments")
    version = models.ForeignKey(SequenceVersion, on_delete=models.PROTECT, related_name="+")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="enrollments")
    run = models.IntegerField(default=1)
    state = models.CharField(
        max_length=10, choices=EnrollmentState.choices, default=EnrollmentState.ACTIVE
    )
    position = models.CharField(max_length=40, blank=True, default="")
    due_at = models.DateTimeField()
    entered_step_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(default=clock.now)
    paused_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True, default="")

    objects = EnrollmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sequence", "subscriber"],
                condition=models.Q(state__in=LIVE_RUN),
                name="one_live_run",
            ),
            models.UniqueConstraint(fields=["sequence", "subscriber", "run"], name="run_number"),
            models.CheckConstraint(
                condition=models.Q(state__in=EnrollmentState.values), name="enrollment_state"
            ),
        ]
        indexes = [
            # `advance` walks each live sequence's due runs in this order.
            models.Index(
                fields=["sequence", "due_at"],
                name="enrollment_due",
                condition=models.Q(state=EnrollmentState.ACTIVE),
            ),
            models.Index(fields=["subscriber", "-id"], name="enrollment_of_subscriber"),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber} in {self.sequence}, run {self.run}"
