"""Forgetting somebody for good, as the law has it: what is left cannot tell who they were."""

from __future__ import annotations

import hashlib

import structlog
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.audit import Actor
from emailseq.lib import addresses, clock, sql
from subscribers import events, kinds
from subscribers.models import (
    ConsentEntry,
    Event,
    SegmentMember,
    SignUp,
    Subscriber,
    Subscription,
    Suppression,
    TagAssignment,
)
from subscribers.services.consent import unsubscribe
from subscribers.services.suppression import suppress
from subscribers.states import Frequency, SuppressionReason

log = structlog.get_logger(__name__)


@transaction.atomic
def erase(subscriber: Subscriber, *, by: Actor) -> bool:
    """Forget somebody's address, names, fields, tags and origins; False when that was done before.

    A keyed digest of the address stays suppressed, as their own no: whoever brings the address
    again is refused, and they stay unmailed until they come back themselves. Their id stays in
    numbers and in the proof of what they agreed to. The floors above forget what they hold by the
    event that this records, or before they call it.
    """
    person = Subscriber.objects.select_for_update().get(pk=subscriber.pk)
    if person.erased_at:
        return False
    email, key = person.email, person.address_key
    for place in Subscription.objects.filter(subscriber=person).select_related("list"):
        unsubscribe(person, by=by, from_list=place.list, reason="erased")
    kept = _keep_unmailed(person, by=by)
    _forget_origins(person)
    for name in {email, key}:
        told_by = {"workspace_id": person.workspace_id, "name": name}
        sql.run("subscribers", "forget_import_parts", told_by)
    TagAssignment.objects.filter(subscriber=person).delete()
    SegmentMember.objects.filter(subscriber=person).delete()
    _blank(person)
    told = Event.objects.filter(subscriber=person).values_list("id", flat=True)
    sql.run("subscribers", "forget_events", {"ids": list(told)})
    events.record(person, kinds.SUBSCRIBER_ERASED, by=by.kind)
    with audit.erasing():
        ConsentEntry.objects.filter(subscriber=person).update(ip=None)
        for name in {email.lower(), key}:
            audit.forget(person.workspace_id, name)
    audit.record(person.workspace_id, "subscriber.erased", by=by, on=person)
    subscriber.refresh_from_db()
    # A backup that is restored knows them again: this line says whom to erase once more.
    log.info("subscriber_erased", subscriber=person.public_id, digest=kept.address_key)
    return True


def _keep_unmailed(person: Subscriber, *, by: Actor) -> Suppression:
    """Their digest takes the place of what was suppressed under their address."""
    key, own_no = person.address_key, SuppressionReason.UNSUBSCRIBED
    Suppression.objects.filter(workspace=person.workspace_id, address_key=key).delete()
    digest = hashlib.sha256(key.encode()).hexdigest()
    kept = suppress(person.workspace, digest=digest, reason=own_no, by=by, note="erased")
    Suppression.objects.filter(pk=kept.pk).update(erased=True)
    return kept


def _forget_origins(person: Subscriber) -> None:
    """From where they agreed; what they agreed to, and when, stays."""
    Subscription.objects.filter(subscriber=person).update(consent_ip=None)
    same_mailbox = Q(mailbox=addresses.folded(person.address_key), email__iexact=person.email)
    own = SignUp.objects.filter(Q(subscriber=person) | same_mailbox, workspace=person.workspace_id)
    names = {"email": "", "mailbox": "", "first_name": "", "last_name": ""}
    own.update(**names, network="", ip=None, agent="", page="")


def _blank(person: Subscriber) -> None:
    now = clock.now()
    nobody = f"erased-{person.uid}@erased.invalid"
    Subscriber.objects.filter(pk=person.pk).update(
        email=nobody,
        address_key=nobody,
        first_name="",
        last_name="",
        time_zone="",
        fields={},
        language="",
        frequency=Frequency.ALL,
        snoozed_until=None,
        archived_at=person.archived_at or now,
        erased_at=now,
        updated_at=now,
    )
    person.refresh_from_db()
