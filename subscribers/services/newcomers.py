"""Many people at once: who is new takes a few statements in all, however many they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction

from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock
from emailseq.lib.errors import AppError
from subscribers import events, fields, kinds
from subscribers.events import NewEvent
from subscribers.models import CustomField, Subscriber, Subscription, Suppression
from subscribers.services.addresses import parse_address
from subscribers.services.consent import KINDS_OF_STATE, taken_now
from subscribers.services.people import check_attributes, merge_attributes, upsert

Item = Mapping[str, Any]
Upserted = tuple[Subscriber, str]  # as `upsert` returns it


class Newcomer(NamedTuple):
    """Somebody nobody knew so far, not stored yet."""

    person: Subscriber
    members: list[str]  # what is known of them
    places: list[Subscription]


@transaction.atomic
def upsert_many(
    workspace: Workspace, items: Sequence[Item | AppError], *, by: Actor
) -> list[Upserted | AppError]:
    """`upsert` of each item's arguments; the fault of one is its result, and the others go on."""
    results: dict[int, Upserted | AppError] = {}
    sound: dict[int, tuple[str, Item]] = {}
    for number, item in enumerate(items):
        try:
            sound[number] = _address_key(item), item  # type: ignore[assignment]
        except AppError as error:
            results[number] = error
    newcomers: dict[int, Newcomer] = {}
    declared = CustomField.objects.of(workspace)  # read once, when somebody has fields
    for number, (key, item) in _strangers(workspace, sound):
        try:
            newcomers[number] = _newcomer(workspace, key, item, declared)
        except AppError as error:
            results[number] = error
    results |= _store(newcomers, by=by)
    # In one order, so that callers with the same people do not wait for each other in a ring.
    for number in sorted(sound.keys() - results.keys(), key=lambda one: (sound[one][0], one)):
        try:
            results[number] = upsert(workspace, by=by, **sound[number][1])
        except AppError as error:
            results[number] = error
    return [results[number] for number in range(len(items))]


def _address_key(item: Item | AppError) -> str:
    if isinstance(item, AppError):
        raise item
    check_attributes({name: item[name] for name in item if name != "subscriptions"})
    return parse_address(item["email"]).key


def _strangers(
    workspace: Workspace, sound: Mapping[int, tuple[str, Item]]
) -> Iterator[tuple[int, tuple[str, Item]]]:
    """The first item of each address that nobody has, nor had before they were erased."""
    keys = {key for key, _ in sound.values()}
    people = Subscriber.objects.of(workspace).filter(address_key__in=keys)
    met = {*people.values_list("address_key", flat=True)}
    met |= Suppression.objects.of(workspace).erased_among(keys)
    for number, (key, item) in sound.items():
        if key not in met:
            met.add(key)
            yield number, (key, item)


def _newcomer(
    workspace: Workspace, key: str, item: Item, declared: Iterable[CustomField]
) -> Newcomer:
    known = {**item}
    places, email = known.pop("subscriptions", ()), parse_address(known.pop("email")).email
    if known.get("fields"):
        known["fields"] = fields.checked(workspace, known["fields"], declared)
    person = Subscriber(workspace=workspace, email=email, address_key=key)
    members = list(merge_attributes(person, known))
    first = {place.to.pk: place for place in reversed(places)}
    taken = [
        Subscription(list=place.to, subscriber=person, **taken_now(place))
        for place in first.values()
    ]
    return Newcomer(person, members, taken)


def _store(newcomers: Mapping[int, Newcomer], *, by: Actor) -> dict[int, Upserted]:
    """Insert them; whom somebody else has made meanwhile is missing in what this returns."""
    if not newcomers:
        return {}
    ordered = sorted((new.person for new in newcomers.values()), key=lambda one: one.address_key)
    Subscriber.objects.bulk_create(ordered, ignore_conflicts=True)
    uids = [person.uid for person in ordered]
    stored = dict(Subscriber.objects.filter(uid__in=uids).values_list("uid", "pk"))
    made = {number: new for number, new in newcomers.items() if new.person.uid in stored}
    for person, _, places in made.values():
        person.pk = stored[person.uid]
        for place in places:
            place.subscriber_id = person.pk
    Subscription.objects.bulk_create([place for new in made.values() for place in new.places])
    events.record_many(_told(made.values(), by=by))
    return {number: (new.person, "created") for number, new in made.items()}


def _told(newcomers: Collection[Newcomer], *, by: Actor) -> Iterator[NewEvent]:
    now = clock.now()
    for person, members, places in newcomers:
        whom = person.workspace_id, person.pk
        met = {"fields": members, "by": by.kind}
        yield NewEvent(*whom, kinds.SUBSCRIBER_CREATED, now, properties=met)
        for place in places:
            on = {"list_id": place.list_id, "by": by.kind}
            yield NewEvent(*whom, KINDS_OF_STATE[place.state], now, properties=on)
