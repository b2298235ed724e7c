"""People: who they are, and what is known about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock, text
from emailseq.lib.errors import Conflict, Erased, Invalid
from subscribers import events, fields, kinds
from subscribers.models import Subscriber, Suppression
from subscribers.models.subscriber import MAX_NAME
from subscribers.services.addresses import parse_address
from subscribers.services.consent import Place, take_places
from subscribers.states import Frequency

LONGEST_SNOOZE = timedelta(days=366)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,4})?")


@transaction.atomic
def create(workspace: Workspace, *, email: str, by: Actor, **attributes: Any) -> Subscriber:
    """Like `upsert`, for somebody new. Raises Conflict, with their id, when they are known."""
    subscriber, result = upsert(workspace, email=email, by=by, **attributes)
    if result != "created":  # raising takes the merge back
        raise Conflict("There is a subscriber with this address.", id=subscriber.public_id)
    return subscriber


@transaction.atomic
def upsert(
    workspace: Workspace,
    *,
    email: str,
    by: Actor,
    subscriptions: Sequence[Place] = (),
    in_person: bool = False,
    **attributes: Any,
) -> tuple[Subscriber, str]:
    """Create the person with this address, or merge `attributes` into them.

    Attributes: first_name, last_name, time_zone, language, frequency (how often they want marketing
    at most), fields (merged member by member; None clears).
    `subscriptions` only adds, as `subscribe` does.
    Returns the subscriber and `created`, `updated` or `unchanged`. Raises Invalid, and Erased for
    somebody who was forgotten, unless they ask for it `in_person`.
    """
    address = parse_address(email)
    check_attributes(attributes)
    if attributes.get("fields"):
        attributes["fields"] = fields.checked(workspace, attributes["fields"])
    subscriber, created = Subscriber.objects.get_or_create(
        workspace=workspace, address_key=address.key, defaults={"email": address.email}
    )
    if created and not in_person:  # raising takes that back
        check_not_erased(workspace, address.key)
    subscriber = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber.pk)
    changed = merge_attributes(subscriber, attributes)
    if changed:
        subscriber.updated_at = clock.now()
        subscriber.save(update_fields=[*changed, "updated_at"])
    if created:
        events.record(subscriber, kinds.SUBSCRIBER_CREATED, fields=list(changed), by=by.kind)
    elif changed:
        _record_changes(subscriber, changed, by=by)
    placed = bool(subscriptions) and take_places(subscriber, subscriptions, by=by)
    return subscriber, "created" if created else "updated" if changed or placed else "unchanged"


def check_not_erased(workspace: Workspace, address_key: str) -> None:
    """Raise Erased for the address of somebody who was, and has not come back themselves."""
    if Suppression.objects.of(workspace).erased_among([address_key]):
        raise Erased("This person was erased: only they can come back, by a form of yours.")


@transaction.atomic
def archive(subscriber: Subscriber, *, by: Actor) -> bool:
    """Send a person nothing more, until `restore`. False when that was so already."""
    return _set_archived(subscriber, clock.now(), by=by)


@transaction.atomic
def restore(subscriber: Subscriber, *, by: Actor) -> bool:
    """The opposite of `archive`; whatever they have left stays left, and who is erased is gone."""
    return _set_archived(subscriber, None, by=by)


@transaction.atomic
def snooze(subscriber: Subscriber, *, until: datetime | None, by: Actor) -> datetime | None:
    """Let no marketing reach somebody before `until`, or from now on again: None.

    Returns until when it was before. Raises Invalid for a time that is past, or too far away.
    """
    now = clock.now()
    if until is not None and not now < until <= now + LONGEST_SNOOZE:
        detail = "Snooze until a day that is to come, within a year."
        raise Invalid.field("until", "out_of_range", detail)
    locked = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber.pk)
    before, subscriber.snoozed_until = locked.snoozed_until, until
    if before != until:
        Subscriber.objects.filter(pk=subscriber.pk).update(snoozed_until=until, updated_at=now)
        change = [each and each.isoformat() for each in (before, until)]
        told = {"fields": ["snoozed_until"], "changed": {"snoozed_until": change}, "by": by.kind}
        events.record(subscriber, kinds.SUBSCRIBER_UPDATED, **told)
    return before


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Raise Invalid for a value that no person can have."""
    text.check(**attributes)
    for name in ("first_name", "last_name"):
        if len(attributes.get(name) or "") > MAX_NAME:
            raise Invalid.field(name, "too_long", f"A name takes at most {MAX_NAME} characters.")
    if attributes.get("time_zone") and attributes["time_zone"] not in clock.zones():
        raise Invalid.field("time_zone", "invalid_time_zone", "Not an IANA time zone.")
    check_language(attributes.get("language") or "")
    if attributes.get("frequency", Frequency.ALL) not in Frequency.values:
        raise Invalid.field("frequency", "invalid", f"One of {', '.join(Frequency.values)}.")


def check_language(language: str) -> None:
    """Raises Invalid for what is no tag of a language; no language at all is fine."""
    if language and not _LANGUAGE.fullmatch(language):
        raise Invalid.field("language", "invalid", "A language is written like en or pt-BR.")


def merge_attributes(subscriber: Subscriber, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Set what differs on the instance; returns the columns that changed, and what was there."""
    wanted = {name: value for name, value in attributes.items() if name != "fields"}
    if "fields" in attributes:
        merged = {**subscriber.fields, **(attributes["fields"] or {})}
        wanted["fields"] = {key: value for key, value in merged.items() if value is not None}
    changed = {
        name: before
        for name, value in wanted.items()
        if (before := getattr(subscriber, name)) != value
    }
    for name in changed:
        setattr(subscriber, name, wanted[name])
    return changed


def _record_changes(subscriber: Subscriber, before: Mapping[str, Any], *, by: Actor) -> None:
    """Say of each column and custom field what it was and what it is: `{"plan": [old, new]}`."""
    custom = before.get("fields", {})
    changed = {
        key: [custom.get(key), subscriber.fields.get(key)]
        for key in {**custom, **subscriber.fields}
        if "fields" in before and custom.get(key) != subscriber.fields.get(key)
    }
    for name in before.keys() - {"fields"}:
        changed[name] = [before[name], getattr(subscriber, name)]
    told = {"fields": list(before), "changed": changed, "by": by.kind}
    events.record(subscriber, kinds.SUBSCRIBER_UPDATED, **told)


def _set_archived(subscriber: Subscriber, instant: datetime | None, *, by: Actor) -> bool:
    rows = Subscriber.objects.filter(
        pk=subscriber.pk, archived_at__isnull=instant is not None, erased_at=None
    )
    changed = rows.update(archived_at=instant, updated_at=clock.now())
    if changed:
        events.record(subscriber, kinds.SUBSCRIBER_UPDATED, fields=["archived_at"], by=by.kind)
        verb = "subscriber.archived" if instant else "subscriber.restored"
        audit.record(subscriber.workspace_id, verb, by=by, on=subscriber)
    return bool(changed)
