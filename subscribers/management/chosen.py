"""What an operator has named on the command line, or a sentence with the names there are."""

from __future__ import annotations

from django.core.management.base import CommandError

from accounts.models import Workspace
from emailseq.lib import ids
from emailseq.lib.errors import Invalid
from subscribers.models import List, Subscriber
from subscribers.services import parse_address


def workspace(slug: str | None) -> Workspace:
    """The one with this slug, or the only one."""
    workspaces = list(Workspace.objects.order_by("slug"))
    found = [workspace for workspace in workspaces if slug in (None, workspace.slug)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(workspace.slug for workspace in workspaces) or "none yet"
    if slug is None:
        raise CommandError(f"Say which --workspace is meant. There are: {names}.")
    raise CommandError(f"There is no workspace “{slug}”. There are: {names}.")


def list_of(workspace: Workspace, slug: str) -> List:
    """The list in use that has this slug."""
    lists = List.objects.of(workspace).filter(archived_at=None)
    if found := lists.filter(slug=slug).first():
        return found
    names = ", ".join(lists.order_by("slug").values_list("slug", flat=True)) or "none yet"
    raise CommandError(f"There is no list “{slug}” in “{workspace.slug}”. There are: {names}.")


def person_of(workspace: Workspace, name: str) -> Subscriber:
    """Whoever has this address, or this id."""
    people = Subscriber.objects.of(workspace).select_related("workspace")
    uid = ids.decode(Subscriber.prefix, name)
    try:
        which = {"uid": uid} if uid else {"address_key": parse_address(name).key}
    except Invalid as error:
        raise CommandError(error.detail) from error
    if found := people.filter(**which).first():
        return found
    raise CommandError(f"There is nobody called “{name}” in “{workspace.slug}”.")
