from __future__ import annotations

from django.db import models

from emailseq.lib import clock
from sequences.models.sequence import Sequence


class SequenceVersion(models.Model):
    """A frozen program, as `sequences.program` reads it. Never changed.

    `document` is the draft that it was made of; versions older than that column have none.
    """

    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="versions")
    number = models.IntegerField()
    program = models.JSONField()
    document = models.JSONField(null=True)
    published_at = models.DateTimeField(default=clock.now, editable=False)
    published_by = models.CharField(max_length=254, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sequence", "number"], name="version_number_taken")
        ]

    def __str__(self) -> str:
        return f"{self.sequence} v{self.number}"


class Transfer(models.Model):
    """What is to become of those who were inside when a version was published, and how far it is.

    `fate` is a `sequences.states.Fate`, and `fates` those of whoever stands at the steps named
    there. `reached` is the id of the last subscriber who was handled: what stops half-way goes on
    there.
    """

    version = models.OneToOneField(
        SequenceVersion, on_delete=models.PROTECT, related_name="transfer"
    )
    fate = models.CharField(max_length=10)
    fates = models.JSONField(default=dict)
    reached = models.BigIntegerField(default=0)
    moved_count = models.IntegerField(default=0)
    exited_count = models.IntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # The tick looks for those that are not finished.
            models.Index(
                fields=["id"],
                name="transfer_unfinished",
                condition=models.Q(finished_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.fate}"


class EarlierDraft(models.Model):
    """The steps of a draft as they were before an edit, to go back to. Only the last few stay."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="earlier_drafts")
    document = models.JSONField()
    verb = models.CharField(max_length=64)
    at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"{self.sequence} before {self.verb}"
