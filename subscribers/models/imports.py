from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.models.list import List
from subscribers.states import ImportKind, ImportState, SuppressionReason


class ImportQuerySet(WorkspaceQuerySet["Import"]):
    def waiting(self) -> ImportQuerySet:
        """What a tick has to go on with, the one that has waited longest first."""
        stored = models.Q(stored=True, state__in=[ImportState.CHECKING, ImportState.RUNNING])
        found = self.filter(stored | models.Q(state=ImportState.UNDOING))
        return found.order_by("touched_at", "id")


class Import(WorkspaceModel):
    """One file of people on its way in: how far it is and what became of its rows.

    `digest` (SHA-256 of the file and of how it is taken) finds a run that was cut off;
    `line_count` lines of the file are done, in the same transaction as what they created. A
    `stored` file lies in the parts, and ticks bring it in; `layout` says how it is written and
    `targets` where each column goes. Its events lie between the two event ids. An undo goes on
    behind `undone_event_id`; once it has taken all places back, in the transaction `undone_xid`,
    it goes through them again for the people. For suppressions, created, updated and unchanged
    mean suppressed, now for a stronger reason, and as before.
    """

    prefix = "imp"

    # First, since `list` means something else below.
    targets = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), editable=False
    )
    list = models.ForeignKey(
        List, on_delete=models.PROTECT, related_name="imports", null=True, blank=True
    )
    kind = models.CharField(
        max_length=12,
        choices=ImportKind.choices,
        default=ImportKind.PEOPLE,
        db_default=ImportKind.PEOPLE,
    )
    file_name = models.CharField(max_length=254)
    digest = models.CharField(max_length=64)
    state = models.CharField(
        max_length=10, choices=ImportState.choices, default=ImportState.RUNNING
    )
    stored = models.BooleanField(default=False, db_default=False, editable=False)
    layout = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), editable=False
    )
    policy = models.CharField(max_length=10, default="overwrite", db_default="overwrite")
    confirmed = models.BooleanField(default=False, db_default=False)
    consent_source = models.CharField(max_length=200, blank=True)
    reason = models.CharField(
        max_length=20,
        choices=SuppressionReason.choices,
        default=SuppressionReason.UNSUBSCRIBED,
        db_default=SuppressionReason.UNSUBSCRIBED,
    )
    started_by = models.JSONField(null=True, editable=False)
    fault = models.CharField(max_length=500, blank=True, db_default="", editable=False)
    preview = models.JSONField(null=True, editable=False)
    undo_report = models.JSONField(null=True, editable=False)
    total_lines = models.BigIntegerField(null=True, editable=False)
    line_count = models.BigIntegerField(default=0)
    created_count = models.BigIntegerField(default=0)
    updated_count = models.BigIntegerField(default=0)
    unchanged_count = models.BigIntegerField(default=0)
    refused_count = models.BigIntegerField(default=0)
    suppressed_count = models.BigIntegerField(default=0, db_default=0)
    erased_count = models.BigIntegerField(default=0, db_default=0)
    first_event_id = models.BigIntegerField(null=True, editable=False)
    last_event_id = models.BigIntegerField(null=True, editable=False)
    undone_event_id = models.BigIntegerField(null=True, editable=False)
    undone_xid = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    touched_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["list", "digest"],
                condition=models.Q(state=ImportState.RUNNING),
                name="one_run_per_file_and_list",
            ),
        ]
        indexes = [
            # What ticks look for every second.
            models.Index(
                fields=["touched_at", "id"],
                name="import_waiting",
                condition=models.Q(state__in=["checking", "running", "undoing"]),
            )
        ]

    def __str__(self) -> str:
        return self.file_name


class ImportPart(models.Model):
    """A piece, of a megabyte or less, of a file that belongs to an import."""

    class Kind(models.TextChoices):
        FILE = "file"  # what it was given
        REFUSED = "refused"  # the rows that it could not take, with the reason of each
        HINTS = "hints"  # what is odd about addresses that come in
        KEPT = "kept"  # what its undo has left alone

    job = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="parts", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    number = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "kind", "number"], name="one_part_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.job}: {self.kind} {self.number}"
