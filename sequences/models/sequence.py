from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models

from accounts.models import WorkspaceQuerySet
from delivery.models import MessageSource
from delivery.states import CapPolicy, MessageClass, SourceKind
from sequences.states import ReEntry, SequenceState
from subscribers.models import List

MIN_PRIORITY, MAX_PRIORITY = 1, 9  # under a cap, the higher goes first
MAX_HOLDOUT = 90
GOAL_WINDOW = timedelta(days=30)  # how long after its start a goal counts for a run


class SequenceQuerySet(WorkspaceQuerySet["Sequence"]):
    def live(self) -> SequenceQuerySet:
        return self.filter(state=SequenceState.LIVE)


class Sequence(MessageSource):
    """An automation: marketers edit its draft rows, `publish` freezes them into a version.

    `list` is the consent its messages rest on; without one, any confirmed subscription will do.
    `entry_rule` says who may start, None: whoever is asked in. `window` says when its messages may
    leave; None: at any time. Of those who would start, `holdout_percent` are kept out, to compare.
    """

    prefix = "seq"

    source_kind = SourceKind.SEQUENCE

    slug = models.SlugField(max_length=50)
    state = models.CharField(
        max_length=10, choices=SequenceState.choices, default=SequenceState.DRAFT, editable=False
    )
    list = models.ForeignKey(
        List, null=True, blank=True, on_delete=models.PROTECT, related_name="sequences"
    )
    entry_rule = models.JSONField(null=True, blank=True)
    re_entry = models.CharField(max_length=10, choices=ReEntry.choices, default=ReEntry.NEVER)
    cooldown = models.DurationField(null=True, blank=True)
    window = models.JSONField(null=True, blank=True)
    priority = models.SmallIntegerField(default=5, db_default=5)
    holdout_percent = models.SmallIntegerField(default=0, db_default=0)
    message_class = models.CharField(
        max_length=15,
        choices=MessageClass.choices,
        default=MessageClass.MARKETING,
        db_default=MessageClass.MARKETING,
    )
    cap_policy = models.CharField(
        max_length=10,
        choices=CapPolicy.choices,
        default=CapPolicy.RESCHEDULE,
        db_default=CapPolicy.RESCHEDULE,
    )
    paused_at = models.DateTimeField(null=True, editable=False)
    live_version = models.ForeignKey(
        "sequences.SequenceVersion",
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )

    objects = SequenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="sequence_slug_taken"),
            models.CheckConstraint(
                condition=models.Q(state__in=SequenceState.values), name="sequence_state"
            ),
            models.CheckConstraint(
                condition=models.Q(re_entry=ReEntry.COOLDOWN, cooldown__gt="0")
                | models.Q(re_entry__in=[ReEntry.NEVER, ReEntry.ALWAYS], cooldown=None),
                name="sequence_re_entry",
            ),
            models.CheckConstraint(
                condition=models.Q(priority__range=(MIN_PRIORITY, MAX_PRIORITY)),
                name="sequence_priority",
            ),
            models.CheckConstraint(
                condition=models.Q(holdout_percent__range=(0, MAX_HOLDOUT)),
                name="sequence_holdout_percent",
            ),
            models.CheckConstraint(
                condition=models.Q(message_class__in=MessageClass.values)
                & models.Q(cap_policy__in=CapPolicy.values),
                name="sequence_sending",
            ),
        ]

    @property
    def mirrored(self) -> dict[str, Any]:
        """What delivery knows of it."""
        terms = {"window": self.window, "cap_policy": self.cap_policy, "rank": self.priority}
        return {"workspace": self.workspace, "name": self.name, **terms, **self.source}
