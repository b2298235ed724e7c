"""The verbs of workspaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import localtime, text
from emailseq.lib.errors import Invalid


@transaction.atomic
def create_workspace(*, name: str, slug: str, by: Actor, postal_address: str = "") -> Workspace:
    """Make a workspace, or return the one that has the slug already."""
    workspace, created = Workspace.objects.get_or_create(
        slug=slug, defaults={"name": name, "postal_address": postal_address}
    )
    if created:
        audit.record(workspace, "workspace.created", by=by, on=workspace)
    return workspace


@transaction.atomic
def update_workspace(workspace: Workspace, *, by: Actor, **changes: Any) -> Workspace:
    """Change name, postal_address, time_zone, awake (when marketing may reach people, as
    `localtime.stored` has it; None: always), cap_per_day or cap_per_week (None: no cap),
    approval_above (None: nobody needs a second person), or second_factor (whether everybody needs
    one).

    Raises Invalid.
    """
    if unknown := changes.keys() - WORKSPACE_SETTINGS:
        raise TypeError(f"A workspace has no {', '.join(unknown)} to change.")
    for name, check in _WORKSPACE_CHECKS.items():
        if name in changes:
            check(name, changes[name])
    text.check(**{name: changes[name] for name in _TEXTS & changes.keys()})
    for name, value in changes.items():
        setattr(workspace, name, value)
    workspace.save(update_fields=[*changes])
    audit.record(workspace, "workspace.updated", by=by, on=workspace, changes=changes)
    return workspace


def _check_name(name: str, value: str) -> None:
    if not value.strip():
        raise Invalid.field(name, "required", "A workspace has a name.")


def _check_zone(name: str, value: str) -> None:
    if not localtime.zone_or(value, localtime.UTC_ZONE)[1]:
        raise Invalid.field(name, "invalid", f"“{value}” is no time zone, such as Europe/Berlin.")


def _check_awake(name: str, value: Mapping[str, Any] | None) -> None:
    try:
        for window in localtime.stored(value, zone=""):
            if window.opens == window.closes:
                raise Invalid.field(name, "invalid", "That is all day: leave it out.")
    except (KeyError, TypeError, ValueError) as error:
        detail = "Say from when to when, like {“opens”: “07:00”, “closes”: “22:00”}."
        raise Invalid.field(name, "invalid", detail) from error


def _check_cap(name: str, value: int | None) -> None:
    if value is not None and not 1 <= value <= 100:
        raise Invalid.field(name, "out_of_range", "A cap is between 1 and 100 messages.")


def _check_approval(name: str, value: int | None) -> None:
    if value is not None and not 1 <= value <= 10_000_000:
        raise Invalid.field(name, "out_of_range", "That is between 1 and 10,000,000 recipients.")


_WORKSPACE_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "name": _check_name,
    "time_zone": _check_zone,
    "awake": _check_awake,
    "cap_per_day": _check_cap,
    "cap_per_week": _check_cap,
    "approval_above": _check_approval,
}
_TEXTS = {"name", "postal_address", "utm_source", "utm_medium"}
WORKSPACE_SETTINGS = {*_WORKSPACE_CHECKS, *_TEXTS, "second_factor"}
