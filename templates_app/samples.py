"""The people of previews who are nobody: one with everything, one with nothing."""

from __future__ import annotations

from typing import Any

from accounts.models import Workspace
from subscribers.models import CustomField
from subscribers.states import FieldKind

FULL = {
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "time_zone": "Europe/London",
}
_VALUES: dict[str, Any] = {
    FieldKind.NUMBER: 42,
    FieldKind.BOOLEAN: True,
    FieldKind.DATE: "2026-05-01",
    FieldKind.DATETIME: "2026-05-01T09:00:00Z",
}


def full(workspace: Workspace) -> dict[str, Any]:
    """The merge fields of somebody of whom everything is known."""
    fields = CustomField.objects.of(workspace)
    return _context(workspace, {**{field.key: _value(field) for field in fields}, **FULL})


def bare(workspace: Workspace) -> dict[str, Any]:
    """The merge fields of somebody of whom nothing is known but the address."""
    return _context(workspace, {"email": FULL["email"]})


def _context(workspace: Workspace, subscriber: dict[str, Any]) -> dict[str, Any]:
    sender = {"name": workspace.name, "postal_address": workspace.postal_address}
    return {"subscriber": subscriber, "workspace": sender}


def _value(field: CustomField) -> Any:
    return field.choices[0] if field.choices else _VALUES.get(field.kind, field.label)
