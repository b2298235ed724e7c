"""Typed values that people of a workspace may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import text
from emailseq.lib.errors import Invalid
from emailseq.lib.unique import taken
from subscribers import mentions
from subscribers.models import CustomField
from subscribers.states import FieldKind

MAX_CHOICES, MAX_CHOICE = 100, 100
# What people have anyway: a rule or a template could not tell the two apart.
RESERVED = (
    *("id", "email", "first_name", "last_name", "name", "time_zone", "created_at", "fields"),
    "engagement",
)


@transaction.atomic
def create_field(
    workspace: Workspace, *, key: str, label: str, kind: str, by: Actor, choices: Sequence[str] = ()
) -> CustomField:
    """Make a custom field. Raises Conflict when the key is taken, Invalid when it is reserved."""
    text.check(key=key, label=label, choices=list(choices))
    if key in RESERVED:
        raise Invalid.field("key", "reserved", f"People have a “{key}” without your making it.")
    _check_choices(kind, choices)
    with taken("field", key):
        field = CustomField.objects.create(
            workspace=workspace, key=key, label=label, kind=kind, choices=list(choices)
        )
    audit.record(workspace, "field.created", by=by, on=field)
    return field


@transaction.atomic
def update_field(field: CustomField, *, by: Actor, **changes: Any) -> CustomField:
    """Change the label or the choices; values that people have stay as they are."""
    text.check(**changes)
    if "choices" in changes:
        _check_choices(field.kind, changes["choices"])
    for name, value in changes.items():
        setattr(field, name, value)
    field.save(update_fields=list(changes))
    audit.record(field.workspace_id, "field.updated", by=by, on=field, changes=changes)
    return field


@transaction.atomic
def delete_field(field: CustomField, *, by: Actor) -> bool:
    """Take a field away; the values that people have stay with them, as free JSON.

    Raises InUse while a rule compares it.
    """
    mentions.check_unused(mentions.of(field.key, field.workspace, path=mentions.FIELD))
    audit.record(field.workspace_id, "field.deleted", by=by, on=field)
    deleted, _ = CustomField.objects.filter(pk=field.pk).delete()
    return bool(deleted)


def _check_choices(kind: str, choices: Sequence[str]) -> None:
    if kind != FieldKind.CHOICE:
        if choices:
            raise Invalid.field("choices", "unexpected", f"A {kind} has no choices.")
    elif not 1 <= len(choices) <= MAX_CHOICES:
        detail = f"A choice is made among 1 to {MAX_CHOICES} choices."
        raise Invalid.field("choices", "required" if not choices else "too_many", detail)
    elif len({choice.casefold() for choice in choices}) < len(choices):
        raise Invalid.field("choices", "duplicate", "Two of the choices are the same.")
    elif not all(0 < len(choice.strip()) <= MAX_CHOICE for choice in choices):
        raise Invalid.field("choices", "invalid", f"A choice has 1 to {MAX_CHOICE} characters.")
