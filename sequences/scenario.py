"""Whom to simulate and what happens to them, as somebody has written it down.

    {"person": {"email": "ada@example.com", "first_name": "Ada", "time_zone": "Europe/Berlin",
                "fields": {"plan": "trial"}, "tags": ["vip"], "lists": ["newsletter"]},
     "start": "2026-03-27T12:00:00Z", "until": "P30D",
     "events": [{"name": "order_placed", "at": "PT59M", "properties": {"cart": "c1"}},
                {"clicked": "hello", "at": "2026-03-28T09:00:00Z"},
                {"tag_added": "vip", "at": "P2D"}]}

Moments are instants, or durations from the start on. `person` may also be who they are already: an
id or an address. Somebody without `lists` is on that of the sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q

from accounts.models import Workspace
from emailseq.lib import addresses, ids
from emailseq.lib.errors import Invalid
from sequences.models import Sequence
from sequences.services.edit import readers
from sequences.services.edit.names import Names
from subscribers.fields import checked
from subscribers.models import List, Segment, Subscriber, Tag
from subscribers.segments import comparisons, profiles, reading
from subscribers.segments.evaluate import Fact, Profile
from subscribers.segments.reading import Object, Reader, fault
from subscribers.states import SubscriptionState

MAX_EVENTS, MAX_NAME = 1000, 100
AT_ONCE = ("P0D", "PT0S")
SOMEBODY = "somebody@example.com"


@dataclass(frozen=True)
class Scenario:
    """A person as they are at the `start`, and what is going to happen to them.

    `subscriber_id` is 0 for somebody invented.
    """

    profile: Profile
    start: datetime
    until: datetime | None = None
    events: tuple[Fact, ...] = ()
    subscriber_id: int = 0


def read(data: Any, sequence: Sequence, *, now: datetime, at: str = "") -> Scenario:
    """The scenario in `data`, by default from `now` on.

    Raises Invalid with the pointer (below `at`) of every fault.
    """
    given = Object(data, at)
    names = Names(sequence.workspace, data)
    start = given.take("start", moment(now), default=now) or now
    until = given.take("until", moment(start), default=None)
    subscriber_id, profile = given.take(
        "person", lambda value, at: _person(value, at, sequence, names), default=None
    ) or (0, _invented({}, at, sequence, names))
    events = given.take("events", _events(sequence, names, start), default=())
    given.close()
    return Scenario(profile, start, until, tuple(events or ()), subscriber_id)


def moment(start: datetime) -> Reader:
    """An instant, or so long after the start."""

    def read(value: Any, at: str) -> datetime:
        if isinstance(value, str) and value.startswith("P"):
            return start + span(value, at)
        try:
            instant = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            instant = None
        if instant is None or instant.tzinfo is None or not 1000 < instant.year < 2999:
            raise fault(at, "invalid", "Write an instant like 2026-03-27T12:00:00Z, or P2D.")
        return instant.astimezone(UTC)

    return read


def span(value: Any, at: str) -> timedelta:
    """A duration, which may be none."""
    return timedelta(0) if value in AT_ONCE else comparisons.span(value, at)


def _person(value: Any, at: str, sequence: Sequence, names: Names) -> tuple[int, Profile]:
    if not isinstance(value, str):
        return 0, _invented(value, at, sequence, names)
    person = known(sequence.workspace, value)
    if person is None:
        raise fault(at, "not_found", f"Nobody here is “{value:.50}”.")
    return person.pk, profiles.load(sequence.workspace, [person.pk])[person.pk]


def known(workspace: Workspace, name: str) -> Subscriber | None:
    """The person with this id or address."""
    if uid := ids.decode(Subscriber.prefix, name):
        wanted = Q(uid=uid)
    else:
        try:
            wanted = Q(address_key=addresses.parse(name).key)
        except addresses.BadAddress:
            return None
    return Subscriber.objects.of(workspace).filter(wanted).first()


def _invented(value: Any, at: str, sequence: Sequence, names: Names) -> Profile:
    given = Object(value, at)
    values = {
        "email": given.take("email", _address, default=SOMEBODY),
        **{
            name: given.take(name, readers.text(MAX_NAME), default="")
            for name in ("first_name", "last_name", "time_zone")
        },
    }
    custom = given.take("fields", _fields(sequence.workspace), default={})
    tags = given.take("tags", _refs(names, Tag), default=())
    lists = given.take("lists", _refs(names, List), default=_own_list(sequence))
    segments = given.take("segments", _refs(names, Segment), default=())
    given.close()
    return Profile(
        values={**custom, **values},
        tags=set(tags),
        lists=dict.fromkeys(lists, SubscriptionState.CONFIRMED),
        segments=set(segments),
    )


def _own_list(sequence: Sequence) -> tuple[str]:
    """The list whose consent its messages need; where any will do, one without a name."""
    return (sequence.list.public_id if sequence.list else "",)


def _address(value: Any, at: str) -> str:
    try:
        return addresses.parse(str(value)).email
    except addresses.BadAddress as error:
        raise fault(at, "invalid_email", str(error)) from None


def _fields(workspace: Workspace) -> Reader:
    def read(value: Any, at: str) -> dict[str, Any]:
        values = Object(value, at).left
        try:
            return checked(workspace, values)
        except Invalid as error:
            raise Invalid(
                [replace(e, pointer=at + e.pointer.removeprefix("/fields")) for e in error.errors]
            ) from None

    return read


def _refs(names: Names, model: Any) -> Reader:
    """A list of names, as public ids."""

    def one(value: Any, at: str) -> str:
        return str(names.row(model)(value, at).public_id)

    return lambda value, at: reading.each(value, at, one) if value != [] else ()


def _events(sequence: Sequence, names: Names, start: datetime) -> Reader:
    def one(value: Any, at: str) -> Fact:
        given = Object(value, at)
        what = next((known for known in FACTS if known in given.left), None)
        if what is None:
            raise fault(at, "required", f"This must have one of {', '.join(FACTS)}.")
        happened = given.take("at", moment(start))
        fact: Fact = FACTS[what](given, what, sequence, names, happened or start)
        given.close()
        return fact

    def read(value: Any, at: str) -> tuple[Fact, ...]:
        if isinstance(value, list) and len(value) > MAX_EVENTS:
            raise fault(at, "too_long", f"At most {MAX_EVENTS} events.")
        return reading.each(value, at, one) if value != [] else ()

    return read


def _custom(given: Object, what: str, sequence: Sequence, names: Names, at: datetime) -> Fact:
    name = given.take(what, reading.text)
    properties = given.take("properties", lambda value, at: Object(value, at).left, default={})
    return Fact("custom", at, name=name or "", properties=properties or {})


def _message(given: Object, what: str, sequence: Sequence, names: Names, at: datetime) -> Fact:
    step = given.take(what, lambda value, at: "" if value is True else reading.text(value, at))
    judged = "" if what == "replied" else "human"
    return Fact(f"message.{what}", at, source=sequence.public_id, step=step or "", verdict=judged)


def _gained(given: Object, what: str, sequence: Sequence, names: Names, at: datetime) -> Fact:
    noun, kind, model = GAINED[what]
    row = given.take(what, names.row(model))
    return Fact(kind, at, properties={noun: row.public_id if row else ""})


GAINED: Mapping[str, tuple[str, str, Any]] = {
    "tag_added": ("tag", "tag.added", Tag),
    "tag_removed": ("tag", "tag.removed", Tag),
    "list_joined": ("list", "subscription.confirmed", List),
    "list_left": ("list", "subscription.unsubscribed", List),
}
FACTS: Mapping[str, Any] = {
    "name": _custom,
    **dict.fromkeys(("opened", "clicked", "replied"), _message),
    **dict.fromkeys(GAINED, _gained),
}
