from __future__ import annotations

from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.models.list import List
from subscribers.states import ImportState


class Import(WorkspaceModel):
    """One file of people on its way in: how far it is and what became of its rows.

    `digest` (SHA-256 of the file and of how it is taken) finds a run that was cut off;
    `line_count` lines of the file are done, in the same transaction as what they created.
    """

    prefix = "imp"

    list = models.ForeignKey(List, on_delete=models.PROTECT, related_name="imports")
    file_name = models.CharField(max_length=254)
    digest = models.CharField(max_length=64)
    state = models.CharField(
        max_length=10, choices=ImportState.choices, default=ImportState.RUNNING
    )
    consent_source = models.CharField(max_length=200, blank=True)
    line_count = models.BigIntegerField(default=0)
    created_count = models.BigIntegerField(default=0)
    updated_count = models.BigIntegerField(default=0)
    unchanged_count = models.BigIntegerField(default=0)
    refused_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["list", "digest"],
                condition=models.Q(state=ImportState.RUNNING),
                name="one_run_per_file_and_list",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name
