"""Addresses that must not be sent to, whoever carries them; whole domains; and digests of some."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import text
from emailseq.lib.errors import Invalid, Problem
from subscribers import suppressed
from subscribers.models import Subscriber, Suppression
from subscribers.services.addresses import parse_address
from subscribers.states import SuppressionReason

MAX_LINES = 1000


@transaction.atomic
def suppress(
    workspace: Workspace,
    *,
    reason: str,
    by: Actor,
    email: str = "",
    domain: str = "",
    digest: str = "",
    note: str = "",
    source: str = "",
    message_id: int | None = None,
) -> Suppression:
    """Never send to this address again, whoever carries it; or to nobody of a domain; or to whom
    nobody is to know, by the SHA-256 of the address in small letters.

    The strongest reason is kept, of equal ones the first; the strongest of all is a person's own
    no, which nobody can lift. Raises Invalid for anything but one of the three.
    """
    key = _key(email, domain, digest)
    return _suppress(
        workspace, key, by=by, reason=reason, note=note, source=source, message_id=message_id
    )


@transaction.atomic
def suppress_named(
    workspace: Workspace, *, named: str, by: Actor, reason: str, note: str = ""
) -> int:
    """Suppress what each line names: an address, @ and a domain, or the SHA-256 of an address.

    How many there are. Raises Invalid with every line that names nothing; then none is suppressed.
    """
    lines = [line for line in named.splitlines() if line.strip()]
    if len(lines) > MAX_LINES:
        raise Invalid.field("named", "too_long", f"At most {MAX_LINES:,}; a file may hold more.")
    keys, problems = set(), []
    for line in lines:
        try:
            keys.add(suppressed.parse(line))
        except ValueError as error:
            problems.append(Problem("/named", "invalid", f"“{line.strip():.60}”: {error}"))
    if problems:
        raise Invalid(problems)
    for key in sorted(keys):
        _suppress(workspace, key, by=by, reason=reason, note=note)
    return len(keys)


def _suppress(
    workspace: Workspace,
    key: str,
    *,
    by: Actor,
    reason: str,
    note: str,
    source: str = "",
    message_id: int | None = None,
) -> Suppression:
    text.check(note=note)
    why = {"reason": reason, "note": note[:500], "message_id": message_id}
    why |= {"source": (source or by.label)[:254]}
    suppression, created = Suppression.objects.select_for_update().get_or_create(
        workspace=workspace, address_key=key, defaults=why
    )
    strength = SuppressionReason.values.index
    if created or strength(reason) > strength(suppression.reason):
        for name, value in why.items():
            setattr(suppression, name, value)
        suppression.imported = None
        suppression.save(update_fields=[*why, "imported"])
        audit.record(workspace, "suppression.added", by=by, on=suppression, changes=why)
    elif suppression.imported_id:  # not the import alone says so any more
        suppression.imported = None
        suppression.save(update_fields=["imported"])
    return suppression


def _key(email: str, domain: str, digest: str) -> str:
    if [bool(email), bool(domain), bool(digest)].count(True) != 1:
        raise Invalid.field("email", "required", "Name an address, a domain or a digest.")
    if email:
        return parse_address(email).key
    try:
        return suppressed.parse_domain(domain) if domain else suppressed.parse_digest(digest)
    except ValueError as error:
        name = "domain" if domain else "digest"
        raise Invalid.field(name, f"invalid_{name}", str(error)) from error


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
    own = [subscriber.address_key, suppressed.digest_key(subscriber.address_key)]
    rows = Suppression.objects.filter(
        workspace=subscriber.workspace_id, address_key__in=own, reason=reason
    )
    for row in rows.select_for_update():
        changes = {"reason": because, "was": row.reason}
        audit.record(row.workspace_id, "suppression.lifted", by=by, on=row, changes=changes)
    deleted, _ = rows.delete()
    return bool(deleted)
