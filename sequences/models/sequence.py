from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceQuerySet
from delivery.models import MessageSource
from delivery.states import SourceKind
from emailseq.lib import clock
from sequences.states import ReEntry, SequenceState, StepKind
from subscribers.models import List
from templates_app.models import Template


class SequenceQuerySet(WorkspaceQuerySet["Sequence"]):
    def live(self) -> SequenceQuerySet:
        return self.filter(state=SequenceState.LIVE)


class Sequence(MessageSource):
    """An automation: marketers edit its draft rows, `publish` freezes them into a version.

    `list` is the consent its messages rest on; without one, any confirmed subscription will do.
    `triggers` are the lists that start a run for whoever joins them; by hand one can always start.
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
    triggers = models.ManyToManyField(List, related_name="starts")
    re_entry = models.CharField(max_length=10, choices=ReEntry.choices, default=ReEntry.NEVER)
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
        ]


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
