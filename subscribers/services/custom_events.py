"""What integrators tell: facts under names of their own, each taken once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from psycopg.types.json import Jsonb

from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import addresses, clock, sql
from emailseq.lib.errors import Invalid
from subscribers import events, kinds
from subscribers.events import NewEvent
from subscribers.facts import CustomEvent, kinds_of, problems_of
from subscribers.models import EventKey, Subscriber, Suppression
from subscribers.models.event import public_id

KEYS_KEPT = timedelta(days=30)


class Recorded(NamedTuple):
    """The event that stands for a fact: `accepted` now, or what its key was first used for."""

    id: str
    accepted: bool


def record_event(workspace: Workspace, fact: CustomEvent, *, by: Actor) -> Recorded:
    """`record_custom_events` of one fact. Raises Invalid."""
    [result] = record_custom_events(workspace, [fact], by=by)
    if isinstance(result, Invalid):
        raise result
    return result


@transaction.atomic
def record_custom_events(
    workspace: Workspace, facts: Sequence[CustomEvent], *, by: Actor
) -> list[Recorded | Invalid]:
    """Record the facts that are sound, in their order; says of each what became of it.

    A fact whose key was used in the last 30 days is not recorded again. One that is older than
    EVENT_LATE_AFTER is kept, and marked so that it sets nothing off. People are made without any
    consent. The number of statements does not grow with the number of facts.
    """
    now = clock.now()
    results: dict[int, Recorded | Invalid] = {}
    for place, fact in enumerate(facts):
        if problems := list(problems_of(fact, now)):
            results[place] = Invalid(problems)
    sound = {place: fact for place, fact in enumerate(facts) if place not in results}
    people = _people(workspace, sound.values(), by=by)
    for place, fact in sound.items():
        if fact.who not in people:
            detail = "There is no such subscriber, or they were erased."
            results[place] = Invalid.field("subscriber", "not_found", detail)
    sound = {place: fact for place, fact in sound.items() if place not in results}
    results |= _record(workspace, sound, people, now)
    _note_names(workspace, sound.values(), now)
    return [results[place] for place in range(len(facts))]


def forget_event_keys(*, limit: int = 10_000) -> int:
    """Forget keys that were used more than 30 days ago; how many they were."""
    old = EventKey.objects.filter(recorded_at__lt=clock.now() - KEYS_KEPT)
    oldest = old.order_by("recorded_at").values("workspace_id", "key")[:limit]
    return EventKey.objects.filter(pk__in=oldest).delete()[0]


def _people(
    workspace: Workspace, facts: Collection[CustomEvent], *, by: Actor
) -> dict[UUID | str, int]:
    """Whom the facts are about, by id and by address, made where there was nobody."""
    found = _find(workspace, {fact.who for fact in facts})
    strangers = {
        address.key: Subscriber(workspace=workspace, email=address.email, address_key=address.key)
        for fact in facts
        if fact.make_unknown and not fact.uid and fact.who not in found
        for address in [addresses.parse(fact.email)]
    }
    for key in Suppression.objects.of(workspace).erased_among(strangers.keys()):
        del strangers[key]  # what is told of somebody who was erased is told of nobody
    if not strangers:
        return found
    # In one order, so that callers with the same strangers do not wait for each other in a ring.
    Subscriber.objects.bulk_create(
        [strangers[key] for key in sorted(strangers)], ignore_conflicts=True
    )
    met = _find(workspace, set(strangers))
    properties = {"fields": [], "by": by.kind}
    events.record_many(
        NewEvent(
            *(workspace.pk, met[person.uid], kinds.SUBSCRIBER_CREATED, clock.now()),
            properties=properties,
        )
        for person in strangers.values()
        if person.uid in met  # else somebody else has made them meanwhile
    )
    return found | met


def _find(workspace: Workspace, who: Collection[UUID | str]) -> dict[UUID | str, int]:
    uids = [one for one in who if isinstance(one, UUID)]
    keys = [one for one in who if isinstance(one, str)]
    people = Subscriber.objects.of(workspace).filter(Q(uid__in=uids) | Q(address_key__in=keys))
    found: dict[UUID | str, int] = {}
    for pk, uid, key in people.values_list("pk", "uid", "address_key"):
        found |= {uid: pk, key: pk}
    return found


def _record(
    workspace: Workspace,
    facts: Mapping[int, CustomEvent],
    people: Mapping[UUID | str, int],
    now: datetime,
) -> dict[int, Recorded]:
    """Append the facts, of those with one key the first; by place what stands for each."""
    first: dict[str | int, int] = {}
    for place, fact in facts.items():
        first.setdefault(fact.key or place, place)
    if not first:
        return {}
    late_before = now - settings.EVENT_LATE_AFTER
    columns = sql.columns(
        ("key", "subscriber_id", "name", "occurred_at", "late", "properties"),
        [
            (
                *(fact.key, people[fact.who], fact.name, fact.occurred_at or now),
                bool(fact.occurred_at and fact.occurred_at < late_before),
                Jsonb(fact.properties),
            )
            for fact in (facts[place] for place in first.values())
        ],
    )
    of_all = {
        "workspace_id": workspace.pk,
        "kind": kinds.CUSTOM,
        "held_at": clock.held_at(),
    }
    rows = sql.fetch("subscribers", "record_custom_events", columns | of_all)
    stored = {
        place: Recorded(public_id(event_id, recorded_at), accepted)
        for place, (event_id, recorded_at, accepted) in zip(first.values(), rows, strict=True)
    }
    return {
        place: stored.get(place) or stored[first[fact.key]]._replace(accepted=False)
        for place, fact in facts.items()
    }


def _note_names(workspace: Workspace, facts: Iterable[CustomEvent], now: datetime) -> None:
    """Keep the catalogue: names at first sight, and what their properties hold."""
    seen: dict[str, dict[str, str]] = {}
    for fact in facts:
        seen[fact.name] = kinds_of(fact.properties) | seen.get(fact.name, {})
    if seen:
        properties = [Jsonb(kinds_of_name) for kinds_of_name in seen.values()]
        arrays = {"name": list(seen), "properties": properties}
        of_all = {"workspace_id": workspace.pk, "now": now}
        sql.run("subscribers", "note_event_names", arrays | of_all)
