"""The verbs that stop all sending, of one workspace or of everybody, and let it go on.

A pause that is committed before a message's wire mark stops that message. The fence stops a copy:
a database that was restored, or cloned for trying things out, sends nothing until somebody has
said that it may.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection, transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from delivery import kinds
from delivery.models import Deployment, SendingPause
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from subscribers import events
from subscribers.events import NewEvent


@transaction.atomic
def pause_sending(*, reason: str, by: Actor, workspace: Workspace | None = None) -> bool:
    """Let nothing leave any more, of a workspace or of all; what is due keeps its place.

    False when it is paused already. Raises Invalid without a reason.
    """
    if not reason.strip():
        raise Invalid.field("reason", "required", "Say why: whoever finds it paused will ask.")
    row, paused = SendingPause.objects.get_or_create(
        workspace=workspace, defaults={"reason": reason[:300], "by": by.label[:254]}
    )
    if paused:
        _record(row, kinds.SENDING_PAUSED, by=by, reason=reason)
    return paused


@transaction.atomic
def resume_sending(*, by: Actor, workspace: Workspace | None = None) -> bool:
    """Let messages leave again, what became due meanwhile at once. False if it was not paused."""
    row = SendingPause.objects.filter(workspace=workspace).first()
    if row is not None:
        _record(row, kinds.SENDING_RESUMED, by=by)
        row.delete()
    return row is not None


def fence() -> str:
    """Why this deployment must not send from this database; '' when it may."""
    known = Deployment.objects.filter(pk=1).first()
    if known is None:
        return ""
    if (known.system_identifier, known.database_oid) != _whereabouts():
        return "This database was restored."
    if settings.DEPLOYMENT_ID and known.name not in ("", settings.DEPLOYMENT_ID):
        return (
            f"This database belongs to the deployment “{known.name}”, "
            f"and this is “{settings.DEPLOYMENT_ID}”."
        )
    return ""


def move_in() -> str:
    """Like `fence`, for who is about to send: a database that nobody has sent from becomes ours."""
    why = fence()
    if not why:
        name = settings.DEPLOYMENT_ID
        Deployment.objects.get_or_create(pk=1, defaults=_ours())
        if name:
            Deployment.objects.filter(pk=1, name="").update(name=name)
    return why


@transaction.atomic
def release_fence(*, by: Actor) -> bool:
    """Say that this deployment may send from this database. False when it might already."""
    if not fence():
        return False
    Deployment.objects.filter(pk=1).update(**_ours())
    deployment = Deployment.objects.get(pk=1)
    for workspace in Workspace.objects.order_by("pk"):
        audit.record(workspace, "fence.released", by=by, on=deployment)
    return True


def _record(row: SendingPause, kind: str, *, by: Actor, **details: str) -> None:
    """In the log and the audit trail of each workspace that it concerns."""
    own = [row.workspace] if row.workspace else list(Workspace.objects.order_by("pk"))
    for workspace in own:
        audit.record(workspace, kind, by=by, on=row, changes=details)
    now = clock.now()
    events.record_many(
        NewEvent(workspace.pk, None, kind, now, properties={"by": by.kind, **details})
        for workspace in own
    )


def _ours() -> dict[str, Any]:
    cluster, database = _whereabouts()
    return {
        "name": settings.DEPLOYMENT_ID,
        "system_identifier": cluster,
        "database_oid": database,
    }


def _whereabouts() -> tuple[int, int]:
    """Numbers of the cluster and of the database in it: a dump takes neither along."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT system_identifier, oid FROM pg_control_system(), pg_database"
            " WHERE datname = current_database()"
        )
        cluster, database = cursor.fetchone()
    return int(cluster), int(database)
