"""What starts runs by itself, when it is told by the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from sequences.models import Trigger
from sequences.services.enroll import Ask, start
from sequences.states import OPEN, TriggerKind
from subscribers import kinds
from subscribers.models import Event, SegmentMember, Subscription, TagAssignment
from subscribers.segments import evaluate, rules
from subscribers.states import SubscriptionState

TRIGGERING: Mapping[str, str] = {
    kinds.SUBSCRIPTION_CONFIRMED: TriggerKind.LIST_JOINED,
    kinds.TAG_ADDED: TriggerKind.TAG_ADDED,
    kinds.SEGMENT_ENTERED: TriggerKind.SEGMENT_ENTERED,
    kinds.CUSTOM: TriggerKind.EVENT,
    kinds.SUBSCRIBER_UPDATED: TriggerKind.FIELD_CHANGED,
}
# What the events of these kinds name, and where one sees whether it still is so.
_NAMED: Mapping[str, tuple[str, Any]] = {
    TriggerKind.LIST_JOINED: ("list_id", Subscription),
    TriggerKind.TAG_ADDED: ("tag_id", TagAssignment),
    TriggerKind.SEGMENT_ENTERED: ("segment_id", SegmentMember),
}


def start_by(batch: Iterable[Event]) -> int:
    """Enroll people in the open sequences that start by what happened to them; how many runs began.

    Whoever has left the list or the segment since, or lost the tag, is passed over. A run begins
    when its event was recorded: what happened between then and now, it does not miss.
    """
    events = [each for each in batch if each.kind in TRIGGERING and each.subscriber_id]
    if not events:
        return 0
    triggers = _triggers(events)
    asks = [
        (trigger, event)
        for event in events
        for trigger in triggers[TRIGGERING[event.kind], event.workspace_id]
        if _starts(trigger, event)
    ]
    still = _still_so(asks)
    return len(
        start(
            Ask(trigger.sequence_id, person, event.recorded_at, _told(event))
            for trigger, event in asks
            if (person := event.subscriber_id)
            and (trigger.kind not in _NAMED or (trigger.kind, _named(trigger), person) in still)
        )
    )


def _triggers(events: Iterable[Event]) -> Mapping[tuple[str, int], list[Trigger]]:
    """The triggers of open sequences that the events may set off, by kind and workspace."""
    wanted = Q()
    workspaces: dict[str, set[int]] = defaultdict(set)
    names: dict[str, set[Any]] = defaultdict(set)
    for event in events:
        kind = TRIGGERING[event.kind]
        workspaces[kind].add(event.workspace_id)
        names[kind].add(_name(kind, event))
    for kind, those in workspaces.items():
        named = Q(kind=kind, sequence__workspace__in=those)
        if kind in _NAMED:
            named &= Q(**{f"{_NAMED[kind][0]}__in": names[kind]})
        elif kind == TriggerKind.EVENT:
            named &= Q(settings__event__in=list(names[kind]))
        wanted |= named
    found: dict[tuple[str, int], list[Trigger]] = defaultdict(list)
    rows = Trigger.objects.filter(wanted, sequence__state__in=OPEN)
    for trigger in rows.select_related("sequence__workspace"):
        found[trigger.kind, trigger.sequence.workspace_id].append(trigger)
    return found


def _told(event: Event) -> dict[str, Any] | None:
    return event.properties if event.kind == kinds.CUSTOM else None


def _name(kind: str, event: Event) -> Any:
    return event.properties.get(_NAMED[kind][0]) if kind in _NAMED else event.name


def _named(trigger: Trigger) -> int:
    pk: int = getattr(trigger, _NAMED[trigger.kind][0])
    return pk


def _starts(trigger: Trigger, event: Event) -> bool:
    """Whether the event is what the trigger waits for."""
    if trigger.kind in _NAMED:
        return bool(_name(trigger.kind, event) == _named(trigger))
    settings = trigger.settings
    if trigger.kind == TriggerKind.EVENT:
        zone = trigger.sequence.workspace.time_zone
        where = rules.parse_where(settings["where"]) if settings.get("where") else ()
        return settings["event"] == event.name and evaluate.matches(
            where, event.properties, now=event.recorded_at, zone=zone
        )
    changed = event.properties.get("changed", {}).get(settings["field"])
    return bool(changed) and ("to" not in settings or _same(changed[1], settings["to"]))


def _same(value: Any, wanted: Any) -> bool:
    """As a rule compares them: in upper or lower case, and 1 is not true."""
    if isinstance(value, str) and isinstance(wanted, str):
        return evaluate.fold(value) == evaluate.fold(wanted)
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _still_so(asks: Iterable[tuple[Trigger, Event]]) -> set[tuple[str, int, int | None]]:
    """Who is still on the list, in the segment, or carries the tag: kind, which, whom."""
    people: dict[tuple[str, int], set[int | None]] = defaultdict(set)
    for trigger, event in asks:
        if trigger.kind in _NAMED:
            people[trigger.kind, _named(trigger)].add(event.subscriber_id)
    found: set[tuple[str, int, int | None]] = set()
    for (kind, pk), ids in people.items():
        column, model = _NAMED[kind]
        rows = model.objects.filter(**{column: pk}, subscriber__in=ids)
        if model is Subscription:
            rows = rows.filter(state=SubscriptionState.CONFIRMED)
        found |= {(kind, pk, person) for person in rows.values_list("subscriber", flat=True)}
    return found
