"""Addresses that must not be sent to, whoever carries them."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import text
from emailseq.lib.errors import Invalid
from subscribers.models import Subscriber, Suppression
from subscribers.services.addresses import parse_address
from subscribers.states import SuppressionReason


@transaction.atomic
def suppress(
    workspace: Workspace,
    *,
    email: str,
    reason: str,
    by: Actor,
    note: str = "",
    message_id: int | None = None,
) -> Suppression:
    """Never send to this address again, whoever carries it.

    The strongest reason is kept, of equal ones the first; the strongest of all is a person's own
    no, which nobody can lift.
    """
    text.check(note=note)
    why = {"reason": reason, "note": note[:500], "message_id": message_id}
    suppression, created = Suppression.objects.select_for_update().get_or_create(
        workspace=workspace, address_key=parse_address(email).key, defaults=why
    )
    strength = SuppressionReason.values.index
    if created or strength(reason) > strength(suppression.reason):
        for name, value in why.items():
            setattr(suppression, name, value)
        suppression.save(update_fields=list(why))
        audit.record(workspace, "suppression.added", by=by, on=suppression, changes=why)
    return suppression


@transaction.atomic
def lift(suppression: Suppression, *, by: Actor, reason: str) -> bool:
    """Allow an address again, but never against a person's own no: Invalid. False if it was."""
    text.check(reason=reason)
    if not reason.strip():
        raise Invalid.field("reason", "required", "Say why the address may be sent to again.")
    current = Suppression.objects.select_for_update().filter(pk=suppression.pk).first()
    if current is None:
        return False
    if current.reason == SuppressionReason.UNSUBSCRIBED:
        raise Invalid.field("reason", "own_no", "This person said no; only they can come back.")
    changes = {"reason": reason, "was": current.reason}
    audit.record(current.workspace_id, "suppression.lifted", by=by, on=current, changes=changes)
    current.delete()
    return True


@transaction.atomic
def take_back_own_no(subscriber: Subscriber) -> bool:
    """What somebody has said to everything counts no more: they have just said yes in person."""
    no, by = SuppressionReason.UNSUBSCRIBED, audit.SUBSCRIBER
    return _take_back(subscriber, no, by=by, because="confirmed in person")


@transaction.atomic
def take_back_soft_bounces(subscriber: Subscriber) -> bool:
    """An address that seemed worn out is delivered to again: it may be sent to."""
    worn_out = SuppressionReason.SOFT_BOUNCE
    return _take_back(subscriber, worn_out, by=audit.SYSTEM, because="delivered to again")


def _take_back(subscriber: Subscriber, reason: str, *, by: Actor, because: str) -> bool:
    rows = Suppression.objects.filter(
        workspace=subscriber.workspace_id, address_key=subscriber.address_key, reason=reason
    )
    for row in rows.select_for_update():
        changes = {"reason": because, "was": row.reason}
        audit.record(row.workspace_id, "suppression.lifted", by=by, on=row, changes=changes)
    deleted, _ = rows.delete()
    return bool(deleted)
