from __future__ import annotations

from django.db import models

from sequences.models.sequence import Sequence
from sequences.states import EndingKind, TriggerKind
from subscribers.models import List, Tag

_NO_LIST, _NO_TAG = models.Q(list=None), models.Q(tag=None)


class Trigger(models.Model):
    """What starts a run by itself; `settings` are what else its kind has."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="triggers")
    kind = models.CharField(max_length=20, choices=TriggerKind.choices)
    list = models.ForeignKey(List, null=True, on_delete=models.PROTECT, related_name="starts")
    tag = models.ForeignKey(Tag, null=True, on_delete=models.PROTECT, related_name="starts")
    settings = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="trigger_names_what_starts_it",
                condition=models.Q(kind=TriggerKind.LIST_JOINED, list__isnull=False) & _NO_TAG
                | models.Q(kind=TriggerKind.TAG_ADDED, tag__isnull=False) & _NO_LIST
                | models.Q(kind=TriggerKind.EVENT, settings__has_key="event") & _NO_LIST & _NO_TAG
                | models.Q(
                    kind__in=[TriggerKind.FIELD_CHANGED, TriggerKind.DATE],
                    settings__has_key="field",
                )
                & _NO_LIST
                & _NO_TAG,
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.list or self.tag or self.settings}"


class Ending(models.Model):
    """What ends a run before its last step: a goal, which is good, or an exit."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="endings")
    kind = models.CharField(max_length=10, choices=EndingKind.choices)
    name = models.CharField(max_length=100)
    when = models.JSONField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["sequence", "name"], name="ending_name_taken"),
            models.CheckConstraint(
                condition=models.Q(kind__in=EndingKind.values), name="ending_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.name
