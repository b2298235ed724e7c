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

    The first reason is kept, but that a person's own no, which nobody can lift, replaces any other.
    """
    text.check(note=note)
    why = {"reason": reason, "note": note[:500], "message_id": message_id}
    suppression, created = Suppression.objects.select_for_update().get_or_create(
        workspace=workspace, address_key=parse_address(email).key, defaults=why
    )
    own_no = SuppressionReason.UNSUBSCRIBED
    if created or (reason == own_no and suppression.reason != own_no):
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
    own_no = Suppression.objects.filter(
        workspace=subscriber.workspace_id,
        address_key=subscriber.address_key,
        reason=SuppressionReason.UNSUBSCRIBED,
    )
    for said in own_no.select_for_update():
        changes = {"reason": "confirmed in person", "was": said.reason}
        by = audit.SUBSCRIBER
        audit.record(said.workspace_id, "suppression.lifted", by=by, on=said, changes=changes)
    deleted, _ = own_no.delete()
    return bool(deleted)
