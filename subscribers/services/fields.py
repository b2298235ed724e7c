"""Typed values that people of a workspace may have."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import text
from emailseq.lib.unique import taken
from subscribers.models import CustomField


@transaction.atomic
def create_field(
    workspace: Workspace, *, key: str, label: str, kind: str, by: Actor
) -> CustomField:
    """Make a custom field. Raises Conflict when the key is taken."""
    text.check(key=key, label=label)
    with taken("field", key):
        field = CustomField.objects.create(workspace=workspace, key=key, label=label, kind=kind)
    audit.record(workspace, "field.created", by=by, on=field)
    return field
