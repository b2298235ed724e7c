"""The verbs of people and consent. Each one records what happened in its own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.text import slugify

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import addresses, clock, state, text
from emailseq.lib.errors import Conflict, InUse, Invalid
from emailseq.lib.unique import taken
from subscribers import events, kinds
from subscribers.events import NewEvent
from subscribers.fields import check_fields
from subscribers.models import (
    CustomField,
    List,
    Subscriber,
    Subscription,
    Suppression,
    Tag,
    TagAssignment,
)
from subscribers.models.subscriber import MAX_NAME
from subscribers.states import SUBSCRIPTION_MOVES, OptIn, SubscriptionState, SuppressionReason


@dataclass(frozen=True)
class Consent:
    """The evidence of a yes: where it was given, to which words, from which address."""

    source: str
    text: str = ""
    ip: str | None = None


class Place(NamedTuple):
    """A place that somebody shall have on a list."""

    to: List
    consent: Consent | None = None
    confirmed: bool = False


def parse_address(email: str) -> addresses.Address:
    """The address in `email`. Raises Invalid with a sentence that says what is wrong with it."""
    try:
        return addresses.parse(email)
    except addresses.BadAddress as error:
        raise Invalid.field("email", "invalid_email", str(error)) from error


def evidence_of(consent: Consent | None, *, confirmed: bool = False) -> dict[str, Any]:
    """The columns that keep a consent. Raises Invalid when there is none behind a `confirmed`."""
    given = consent or Consent("")
    if confirmed and not given.source:
        raise Invalid.field("consent", "required", "Confirmed people need a consent source.")
    text.check(consent_source=given.source, consent_text=given.text)
    return {
        "consent_source": given.source[:200],
        "consent_text": given.text[:1000],
        "consent_ip": given.ip,
        "consented_at": clock.now() if given.source else None,
    }


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
    **attributes: Any,
) -> tuple[Subscriber, str]:
    """Create the person with this address, or merge `attributes` into them.

    Attributes: first_name, last_name, time_zone, fields (merged member by member; None clears).
    `subscriptions` only adds, as `subscribe` does.
    Returns the subscriber and `created`, `updated` or `unchanged`. Raises Invalid.
    """
    address = parse_address(email)
    _check_attributes(workspace, attributes)
    subscriber, created = Subscriber.objects.get_or_create(
        workspace=workspace, address_key=address.key, defaults={"email": address.email}
    )
    subscriber = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber.pk)
    changed = _merge(subscriber, attributes)
    if changed:
        subscriber.updated_at = clock.now()
        subscriber.save(update_fields=[*changed, "updated_at"])
    if created or changed:
        kind = kinds.SUBSCRIBER_CREATED if created else kinds.SUBSCRIBER_UPDATED
        _record(subscriber, kind, fields=changed, by=by.kind)
    placed = bool(subscriptions) and _take_places(subscriber, subscriptions, by=by)
    return subscriber, "created" if created else "updated" if changed or placed else "unchanged"


@transaction.atomic
def archive(subscriber: Subscriber, *, by: Actor) -> bool:
    """Send a person nothing more, until `restore`. False when that was so already."""
    return _set_archived(subscriber, clock.now(), by=by)


@transaction.atomic
def restore(subscriber: Subscriber, *, by: Actor) -> bool:
    """The opposite of `archive`; whatever they have left stays left."""
    return _set_archived(subscriber, None, by=by)


@transaction.atomic
def subscribe(
    subscriber: Subscriber,
    *,
    to: List,
    by: Actor,
    consent: Consent | None = None,
    confirmed: bool = False,
) -> Subscription:
    """Put a person on a list; pending on a double opt-in list unless `confirmed` is vouched for.

    Who left stays left, and nothing changes for who is there already, but that a pending place is
    confirmed by `confirmed`. That takes the consent it rests on: without one, Invalid.
    """
    evidence = evidence_of(consent, confirmed=confirmed)
    at_once = confirmed or to.opt_in == OptIn.SINGLE
    now = clock.now()
    subscription, created = Subscription.objects.select_for_update().get_or_create(
        list=to,
        subscriber=subscriber,
        defaults={
            "state": SubscriptionState.CONFIRMED if at_once else SubscriptionState.PENDING,
            "confirmed_at": now if at_once else None,
            **evidence,
        },
    )
    if created:
        kind = kinds.SUBSCRIPTION_CONFIRMED if at_once else kinds.SUBSCRIPTION_PENDING
        _record(subscriber, kind, list_id=to.pk, by=by.kind)
    elif confirmed and subscription.state == SubscriptionState.PENDING:
        confirm(subscription, by=by, consent=consent)
    return subscription


@transaction.atomic
def confirm(subscription: Subscription, *, by: Actor, consent: Consent | None = None) -> bool:
    """Turn a pending subscription into a confirmed one; False when it is confirmed already."""
    moved = state.move_one(
        subscription,
        "confirm",
        SUBSCRIPTION_MOVES,
        confirmed_at=clock.now(),
        **(evidence_of(consent) if consent else {}),
    )
    if moved:
        kind = kinds.SUBSCRIPTION_CONFIRMED
        _record(subscription.subscriber, kind, list_id=subscription.list_id, by=by.kind)
    return moved


@transaction.atomic
def unsubscribe(
    subscriber: Subscriber, *, by: Actor, from_list: List | None = None, reason: str = ""
) -> int:
    """Take a person off one list or, without one, off everything for good (suppressed).

    Returns how many subscriptions ended. It holds for every message not yet on the wire.
    """
    text.check(reason=reason)
    places = Subscription.objects.filter(subscriber=subscriber)
    if from_list is not None:
        places = places.filter(list=from_list)
    leaving = places.filter(state__in=SUBSCRIPTION_MOVES["unsubscribe"].sources)
    left = list(leaving.select_for_update().order_by("id").values_list("list_id", flat=True))
    state.move(leaving, SUBSCRIPTION_MOVES["unsubscribe"], unsubscribed_at=clock.now())
    for list_id in left:
        kind = kinds.SUBSCRIPTION_UNSUBSCRIBED
        _record(subscriber, kind, list_id=list_id, by=by.kind, reason=reason)
    if from_list is None:
        suppress(
            subscriber.workspace,
            email=subscriber.email,
            reason=SuppressionReason.UNSUBSCRIBED,
            by=by,
        )
    return len(left)


@transaction.atomic
def tag(subscriber: Subscriber, *, name: str, by: Actor) -> bool:
    """Give a person the tag of this name, made when it is new; False when they carried it."""
    text.check(name=name)
    slug = slugify(name, allow_unicode=True)[:64]
    if not slug:
        raise Invalid.field("name", "invalid", "A tag is made of letters or digits.")
    wanted, _ = Tag.objects.get_or_create(
        workspace=subscriber.workspace, slug=slug, defaults={"name": name[:64]}
    )
    _, added = TagAssignment.objects.get_or_create(tag=wanted, subscriber=subscriber)
    if added:
        _record(subscriber, kinds.TAG_ADDED, tag=wanted.name, by=by.kind)
    return added


@transaction.atomic
def untag(subscriber: Subscriber, *, tag: Tag, by: Actor) -> bool:
    """Take a tag from a person; False when they did not carry it."""
    removed, _ = TagAssignment.objects.filter(tag=tag, subscriber=subscriber).delete()
    if removed:
        _record(subscriber, kinds.TAG_REMOVED, tag=tag.name, by=by.kind)
    return bool(removed)


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


@transaction.atomic
def create_field(
    workspace: Workspace, *, key: str, label: str, kind: str, by: Actor
) -> CustomField:
    """Make a custom field. Raises Conflict when the key is taken."""
    text.check(key=key, label=label)
    with taken("field", key):
        field = CustomField.objects.create(workspace=workspace, key=key, label=label, kind=kind)
    audit.record(workspace, "field.created", by=by, on=field)
    return field


def _check_attributes(workspace: Workspace, attributes: Mapping[str, Any]) -> None:
    text.check(**attributes)
    for name in ("first_name", "last_name"):
        if len(attributes.get(name) or "") > MAX_NAME:
            raise Invalid.field(name, "too_long", f"A name takes at most {MAX_NAME} characters.")
    if attributes.get("time_zone") and attributes["time_zone"] not in clock.zones():
        raise Invalid.field("time_zone", "invalid_time_zone", "Not an IANA time zone.")
    check_fields(workspace, attributes.get("fields") or {})


def _merge(subscriber: Subscriber, attributes: Mapping[str, Any]) -> list[str]:
    """Set what differs on the instance; returns the names of the columns that changed."""
    wanted = {name: value for name, value in attributes.items() if name != "fields"}
    if "fields" in attributes:
        merged = {**subscriber.fields, **(attributes["fields"] or {})}
        wanted["fields"] = {key: value for key, value in merged.items() if value is not None}
    changed = [name for name, value in wanted.items() if getattr(subscriber, name) != value]
    for name in changed:
        setattr(subscriber, name, wanted[name])
    return changed


def _take_places(subscriber: Subscriber, places: Sequence[Place], *, by: Actor) -> bool:
    """Subscribe a person to several lists; whether that changed anything."""
    held = Subscription.objects.filter(subscriber=subscriber).values_list("list", "state")
    before = set(held)
    for place in places:
        subscribe(subscriber, by=by, **place._asdict())
    return set(held.all()) != before


def _set_archived(subscriber: Subscriber, instant: datetime | None, *, by: Actor) -> bool:
    rows = Subscriber.objects.filter(pk=subscriber.pk, archived_at__isnull=instant is not None)
    changed = rows.update(archived_at=instant, updated_at=clock.now())
    if changed:
        _record(subscriber, kinds.SUBSCRIBER_UPDATED, fields=["archived_at"], by=by.kind)
        verb = "subscriber.archived" if instant else "subscriber.restored"
        audit.record(subscriber.workspace_id, verb, by=by, on=subscriber)
    return bool(changed)


def _record(person: Subscriber, kind: str, **properties: Any) -> None:
    event = NewEvent(person.workspace_id, person.pk, kind, clock.now(), properties=properties)
    events.record_many([event])
