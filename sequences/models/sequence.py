from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from delivery.models import SenderIdentity
from emailseq.lib import clock
from sequences.states import ReEntry, SequenceState, StepKind, TriggerKind
from subscribers.models import List
from templates_app.models import Template


class SequenceQuerySet(WorkspaceQuerySet["Sequence"]):
    def live(self) -> SequenceQuerySet:
        return self.filter(state=SequenceState.LIVE)


class Sequence(WorkspaceModel):
    """An automation: marketers edit its draft rows, `publish` freezes them into a version.

    `list` is the consent its messages rest on; without one, any confirmed subscription will do.
    """

    prefix = "seq"

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50)
    state = models.CharField(
        max_length=10, choices=SequenceState.choices, default=SequenceState.DRAFT, editable=False
    )
    list = models.ForeignKey(
        List, null=True, blank=True, on_delete=models.PROTECT, related_name="sequences"
    )
    sender = models.ForeignKey(SenderIdentity, on_delete=models.PROTECT, related_name="+")
    re_entry = models.CharField(max_length=10, choices=ReEntry.choices, default=ReEntry.NEVER)
    revision = models.IntegerField(default=1, editable=False)
    live_version = models.ForeignKey(
        "sequences.SequenceVersion",
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = SequenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="sequence_slug_taken"),
            models.CheckConstraint(
                condition=models.Q(state__in=SequenceState.values), name="sequence_state"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Step(models.Model):
    """One instruction of the draft. `key` stays the same through edits and versions."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=40, editable=False)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=StepKind.choices)
    template = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.PROTECT, related_name="steps"
    )
    delay = models.DurationField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["sequence", "key"], name="step_key_taken"),
            models.CheckConstraint(
                name="step_settings_match_kind",
                condition=models.Q(kind=StepKind.EMAIL, template__isnull=False, delay=None)
                | models.Q(kind=StepKind.WAIT, template=None, delay__gt="0"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template}" if self.template else f"Wait {self.delay}"


class SequenceVersion(models.Model):
    """A frozen program, as `sequences.program` reads it. Never changed."""

    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="versions")
    number = models.IntegerField()
    program = models.JSONField()
    published_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sequence", "number"], name="version_number_taken")
        ]

    def __str__(self) -> str:
        return f"{self.sequence} v{self.number}"


class Trigger(models.Model):
    """What starts a run."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="triggers")
    kind = models.CharField(max_length=20, choices=TriggerKind.choices)
    list = models.ForeignKey(
        List, null=True, blank=True, on_delete=models.PROTECT, related_name="triggers"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sequence", "kind", "list"],
                nulls_distinct=False,
                name="trigger_stated_once",
            ),
            models.CheckConstraint(
                name="list_joined_names_a_list",
                condition=models.Q(kind=TriggerKind.LIST_JOINED, list__isnull=False)
                | models.Q(kind=TriggerKind.MANUAL, list=None),
            ),
        ]

    def __str__(self) -> str:
        return f"Joins {self.list}" if self.list else self.get_kind_display()
