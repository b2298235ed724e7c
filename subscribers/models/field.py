from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.states import FieldKind


class CustomField(WorkspaceModel):
    """A typed value that people of the workspace may have, stored in `Subscriber.fields`."""

    prefix = "fld"

    key = models.CharField(max_length=50, validators=[RegexValidator(r"^[a-z][a-z0-9_]*\Z")])
    label = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=FieldKind.choices, default=FieldKind.TEXT)
    # Of a field whose kind is choice: what its values are picked from, in the order shown.
    choices = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="field_key_taken")]

    def __str__(self) -> str:
        return self.label
