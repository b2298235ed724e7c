"""The audit trail, and the actor that every verb is told about (`by=`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Model

from accounts.models import APIKey, AuditEntry, User, Workspace
from emailseq.lib import sql


@dataclass(frozen=True)
class Actor:
    """Who did it: a user, an API key, a command or a tick."""

    kind: str
    id: int
    label: str

    @classmethod
    def user(cls, user: User) -> Actor:
        return cls("user", user.pk, user.email)

    @classmethod
    def api_key(cls, key: APIKey) -> Actor:
        return cls("api_key", key.pk, str(key))

    @classmethod
    def command(cls, name: str) -> Actor:
        return cls("command", 0, f"manage.py {name}")


SYSTEM = Actor("system", 0, "emailseq")
SUBSCRIBER = Actor("subscriber", 0, "the subscriber")


def record(
    workspace: Workspace | int,
    verb: str,
    *,
    by: Actor,
    on: Model,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Append one entry, in the caller's transaction. `verb` is `noun.past`, e.g. `list.created`."""
    AuditEntry.objects.create(
        workspace_id=workspace if isinstance(workspace, int) else workspace.pk,
        actor_kind=by.kind,
        actor_id=by.id,
        actor_label=by.label[:254],
        verb=verb,
        object_kind=on._meta.model_name or "",
        object_id=on.pk or 0,
        object_label=str(on)[:254],
        changes=dict(changes or {}),
    )


def last_change(row: Model) -> AuditEntry | None:
    """The latest entry of what was done to an object itself, not by or below it."""
    entries = AuditEntry.objects.filter(
        workspace_id=getattr(row, "workspace_id"),  # noqa: B009 - not every model has one
        object_kind=row._meta.model_name,
        object_id=row.pk,
        verb__startswith=f"{str(row._meta.verbose_name).replace(' ', '_')}.",
    )
    return entries.order_by("-id").first()


@contextmanager
def erasing() -> Iterator[None]:
    """For erasing a person, in the caller's transaction: what is append-only gives up names."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL emailseq.erasing = 'on'")
        yield
        cursor.execute("SET LOCAL emailseq.erasing = 'off'")


def forget(workspace_id: int, text: str) -> int:
    """Blank what names somebody, such as their address, in labels and changes; in how many.

    While `erasing`, and for nothing else. Who did what to which object stays.
    """
    query = {"workspace_id": workspace_id, "text": text.lower()}
    return sql.run("accounts", "forget_labels", query)
