from __future__ import annotations

from django.db import models

from sequences.models.sequence import Sequence
from sequences.states import EndingKind, TriggerKind
from subscribers.models import List, Segment, Tag

_WHAT: dict[str, str] = {
    TriggerKind.LIST_JOINED: "list",
    TriggerKind.TAG_ADDED: "tag",
    TriggerKind.SEGMENT_ENTERED: "segment",
}


def _names(kind: str, *settings: str) -> models.Q:
    """A trigger of that kind, with what it names and nothing else."""
    columns = {f"{name}__isnull": _WHAT.get(kind) != name for name in _WHAT.values()}
    return models.Q(kind=kind, settings__has_keys=list(settings), **columns)


class Trigger(models.Model):
    """What starts a run by itself; `settings` are what else its kind has."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="triggers")
    kind = models.CharField(max_length=20, choices=TriggerKind.choices)
    list = models.ForeignKey(List, null=True, on_delete=models.PROTECT, related_name="starts")
    tag = models.ForeignKey(Tag, null=True, on_delete=models.PROTECT, related_name="starts")
    segment = models.ForeignKey(Segment, null=True, on_delete=models.PROTECT, related_name="starts")
    settings = models.JSONField(default=dict)
    # Of a date: up to when it was looked who has one that comes.
    looked_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="trigger_names_what_starts_it",
                condition=_names(TriggerKind.LIST_JOINED)
                | _names(TriggerKind.TAG_ADDED)
                | _names(TriggerKind.SEGMENT_ENTERED)
                | _names(TriggerKind.EVENT, "event")
                | _names(TriggerKind.FIELD_CHANGED, "field")
                | _names(TriggerKind.DATE, "field", "time"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.named or self.settings}"

    @property
    def named(self) -> List | Tag | Segment | None:
        """What it is about, where that is a row."""
        return self.list or self.tag or self.segment


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
