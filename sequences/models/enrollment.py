from __future__ import annotations

from django.db import models
from django.db.models import Count

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from sequences.models.sequence import Sequence
from sequences.models.version import SequenceVersion
from sequences.states import LIVE_RUN, EnrollmentState
from subscribers.models import Subscriber


class EnrollmentQuerySet(WorkspaceQuerySet["Enrollment"]):
    def live(self) -> EnrollmentQuerySet:
        """Runs that have not ended."""
        return self.filter(state__in=LIVE_RUN)

    def inside_by_sequence(self) -> dict[int, int]:
        """How many live runs each sequence has, by its id; one without any is absent."""
        return dict(self.live().values_list("sequence").annotate(Count("pk")))

    def waiting_by_step(self, sequence: Sequence) -> dict[str, int]:
        """How many live runs stand at (or behind) each step, by its key; '' is the start."""
        waiting: dict[str, int] = {}
        for (_, position), people in self.standing(sequence).items():
            key = position.partition("/")[0]
            waiting[key] = waiting.get(key, 0) + people
        return waiting

    def standing(self, sequence: Sequence) -> dict[tuple[int, str], int]:
        """How many live runs stand where, by the id of their version and their position."""
        live = self.live().filter(sequence=sequence).values_list("version", "position")
        counted = live.annotate(Count("pk")).order_by("version", "position")
        return {(version, position): people for version, position, people in counted}

    def by_version(self, sequence: Sequence) -> dict[int, dict[str, int]]:
        """How many runs of a sequence are in which state, by the id of their version."""
        counted = self.filter(sequence=sequence).values_list("version", "state")
        found: dict[int, dict[str, int]] = {}
        for version, state, runs in counted.annotate(Count("pk")):
            found.setdefault(version, {})[state] = runs
        return found


class Enrollment(WorkspaceModel):
    """One subscriber's way through a sequence, pinned to a version.

    `position` is the key of the step it stands at, `due_at` when the engine must look again, and
    `awaits` the key of the step whose message it waits for, if it waits for more than time.
    `entry` holds the properties of the event that started it, and `hops` how many sequences one
    after the other have led here. One that `skips` sends nothing until its next wait: that is out
    of date. A goal counts until `goal_until`, which is None once one has. If it is `compared`,
    others were held out meanwhile, or it is one of those: such a run has ended as it begins.
    """

    prefix = "enr"

    sequence = models.ForeignKey(
        Sequence, on_delete=models.PROTECT, related_name="enrollments", db_index=False
    )
    version = models.ForeignKey(
        SequenceVersion, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.PROTECT, related_name="enrollments", db_index=False
    )
    run = models.IntegerField(default=1)
    state = models.CharField(
        max_length=10, choices=EnrollmentState.choices, default=EnrollmentState.ACTIVE
    )
    position = models.CharField(max_length=80, blank=True, default="")
    awaits = models.CharField(max_length=40, blank=True, default="")
    due_at = models.DateTimeField()
    entered_step_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(default=clock.now)
    paused_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True, default="")
    entry = models.JSONField(null=True)
    hops = models.SmallIntegerField(default=0, db_default=0)
    skips = models.BooleanField(default=False, db_default=False)
    goal_until = models.DateTimeField(null=True)
    compared = models.BooleanField(default=False, db_default=False)

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
