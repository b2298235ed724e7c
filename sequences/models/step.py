from __future__ import annotations

from django.db import models

from sequences.models.sequence import Sequence
from sequences.states import StepKind
from templates_app.models import Template

MAX_KEY, MAX_ARM_KEY, MAX_VARIANT_KEY = 40, 30, 20

_NOTHING = models.Q(template=None, delay=None)


class Step(models.Model):
    """One instruction of the draft. `key` stays the same through edits and versions.

    It stands as number `position` among the steps of an `arm` of its `parent`, or of the sequence.
    `settings` are what else its kind has, as `sequences.services.edit` checks it: the arms of a
    block, in order, but without their steps. What they name, they name by public id. `delay` is how
    long a wait takes, or after how long a wait-until gives up.
    """

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="steps")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )
    arm = models.CharField(max_length=MAX_ARM_KEY, blank=True, default="", db_default="")
    key = models.CharField(max_length=MAX_KEY, editable=False)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=StepKind.choices)
    template = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.PROTECT, related_name="steps"
    )
    delay = models.DurationField(null=True, blank=True)
    settings = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["sequence", "key"], name="step_key_taken"),
            models.CheckConstraint(
                name="step_settings_match_kind",
                condition=models.Q(kind=StepKind.EMAIL, template__isnull=False, delay=None)
                | models.Q(kind=StepKind.WAIT, template=None, delay__gt="0")
                | models.Q(kind=StepKind.WAIT, settings__has_key="until") & _NOTHING
                | models.Q(kind=StepKind.WAIT_UNTIL, settings__has_key="arms", template=None)
                | models.Q(kind__in=[StepKind.BRANCH, StepKind.SPLIT], settings__has_key="arms")
                & _NOTHING
                | models.Q(kind=StepKind.ACTION, settings__has_key="action") & _NOTHING
                | models.Q(kind=StepKind.EXIT) & _NOTHING,
            ),
            models.CheckConstraint(
                name="step_in_an_arm_has_a_parent",
                condition=models.Q(parent=None, arm="")
                | models.Q(parent__isnull=False) & ~models.Q(arm=""),
            ),
        ]

    def __str__(self) -> str:
        if self.delay:
            return f"Wait {self.delay}"
        return str(self.template or self.get_kind_display())


class StepVariant(models.Model):
    """One of several contents of an email, each of which gets a share of the people."""

    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="variants")
    key = models.CharField(max_length=MAX_VARIANT_KEY)
    position = models.PositiveIntegerField()
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="variants")
    weight = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["step", "key"], name="variant_key_taken"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.template}"
