"""Named consent scopes."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock, text
from emailseq.lib.errors import InUse
from emailseq.lib.unique import taken
from subscribers.models import List
from subscribers.states import OptIn


@transaction.atomic
def create_list(
    workspace: Workspace,
    *,
    name: str,
    slug: str,
    by: Actor,
    opt_in: str = OptIn.DOUBLE,
    public: bool = True,
) -> List:
    """Make a list. Raises Conflict when the slug is taken."""
    text.check(name=name)
    with taken("list", slug):
        made = List.objects.create(
            workspace=workspace, name=name, slug=slug, opt_in=opt_in, public=public
        )
    audit.record(workspace, "list.created", by=by, on=made)
    return made


@transaction.atomic
def update_list(target: List, *, by: Actor, **changes: Any) -> List:
    """Change the name, slug, opt_in or public of a list. Raises Conflict when the slug is taken."""
    text.check(name=changes.get("name", ""))
    for name, value in changes.items():
        setattr(target, name, value)
    with taken("list", target.slug):
        target.save(update_fields=list(changes))
    audit.record(target.workspace_id, "list.updated", by=by, on=target, changes=changes)
    return target


@transaction.atomic
def archive_list(target: List, *, by: Actor) -> bool:
    """Put a list away: nobody joins it any more, people can still leave it. False if it was so.

    Raises InUse while a sequence or an unfinished campaign needs it.
    """
    if List.objects.in_use().filter(pk=target.pk).exists():
        raise InUse(f"A sequence or a campaign still uses “{target}”.")
    archived = List.objects.filter(pk=target.pk, archived_at=None).update(archived_at=clock.now())
    if archived:
        audit.record(target.workspace_id, "list.archived", by=by, on=target)
    return bool(archived)
