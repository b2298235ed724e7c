from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.db import transaction

from accounts.audit import Actor
from emailseq.lib.errors import Invalid, Problem
from sequences import schedule
from sequences.models import Ending, Sequence, Trigger
from sequences.schedule import UntilDate
from sequences.services.edit import readers
from sequences.services.edit.names import Names
from sequences.services.edit.opening import begin, record, save
from sequences.states import EndingKind, TriggerKind
from subscribers.models import List, Segment, Tag
from subscribers.segments import reading, rules
from subscribers.segments.reading import Object, fault, word

MAX_TRIGGERS = MAX_ENDINGS = 20


@transaction.atomic
def set_triggers(
    sequence: Sequence, *, triggers: Any, by: Actor, expected_revision: int | None = None
) -> Sequence:
    """State what starts runs by itself: `[{"kind": "list_joined", "list": "news"}, …]`."""
    begin(sequence, expected_revision)
    names = Names(sequence.workspace, triggers)
    found = _each(triggers, "/triggers", partial(read_trigger, sequence, names), most=MAX_TRIGGERS)
    _replace(sequence, found)
    save(sequence)
    record("sequence.triggers_set", sequence, by=by, triggers=", ".join(map(str, found)))
    return sequence


def _replace(sequence: Sequence, found: list[Trigger]) -> None:
    """Those that were there stay as they are: one of a date knows up to when it has looked."""
    before = {_meaning(each): each.pk for each in sequence.triggers.all()}
    kept = {before[meaning] for each in found if (meaning := _meaning(each)) in before}
    sequence.triggers.exclude(pk__in=kept).delete()
    Trigger.objects.bulk_create(each for each in found if _meaning(each) not in before)


def _meaning(trigger: Trigger) -> str:
    return f"{trigger.kind} {trigger.list_id} {trigger.tag_id} {trigger.segment_id} " + json.dumps(
        trigger.settings, sort_keys=True
    )


@transaction.atomic
def set_endings(
    sequence: Sequence,
    *,
    by: Actor,
    goals: Any = (),
    exits: Any = (),
    expected_revision: int | None = None,
) -> Sequence:
    """State what ends runs early: `[{"name": "Bought", "when": {"event": "order_placed"}}, …]`."""
    begin(sequence, expected_revision)
    goal = partial(read_ending, sequence, EndingKind.GOAL)
    exit_ = partial(read_ending, sequence, EndingKind.EXIT)
    found = [
        *_each(goals, "/goals", goal, most=MAX_ENDINGS),
        *_each(exits, "/exits", exit_, most=MAX_ENDINGS),
    ]
    names = [each.name.casefold() for each in found]
    for name in names:
        if names.count(name) > 1:
            raise Invalid.field("goals", "duplicate", f"There are two endings “{name}”.")
    sequence.endings.all().delete()
    Ending.objects.bulk_create(found)
    save(sequence)
    record("sequence.endings_set", sequence, by=by, endings=", ".join(map(str, found)))
    return sequence


def _each(value: Any, at: str, reader: reading.Reader, *, most: int) -> list[Any]:
    found = [] if value in ([], ()) else list(reading.each(value, at, reader))
    if len(found) > most:
        raise Invalid([Problem(at, "too_long", f"At most {most}.")])
    return found


def read_ending(sequence: Sequence, kind: str, value: Any, at: str) -> Ending:
    """A goal or an exit, likewise."""
    given = Object(value, at)
    name = given.take("name", _name)
    when = given.take("when", readers.when(sequence.workspace))
    given.close()
    return Ending(sequence=sequence, kind=kind, name=name, when=when)


def _name(value: Any, at: str) -> str:
    name = str(readers.text(readers.MAX_NAME)(value, at)).strip()
    if not name:
        raise fault(at, "required", "Give it a name: it is the reason that people read.")
    return name


def read_trigger(sequence: Sequence, names: Names, value: Any, at: str) -> Trigger:
    """A trigger, not saved yet. Raises Invalid."""
    given = Object(value, at)
    kind = given.take("kind", word(TriggerKind.values))
    if kind is None:
        raise Invalid(given.faults)
    trigger = Trigger(sequence=sequence, kind=kind, **TRIGGERS[kind](given, names))
    given.close()
    return trigger


def _row(noun: str, model: Any) -> Callable[[Object, Names], dict[str, Any]]:
    return lambda given, names: {noun: given.take(noun, names.row(model))}


def _event(given: Object, names: Names) -> dict[str, Any]:
    settings = {"event": given.take("event", reading.text)}
    if "where" in given.left:
        where = given.take("where", lambda value, at: rules.parse_where(value, at=at))
        settings["where"] = rules.dump_where(where or ())
    return {"settings": settings}


def _field(given: Object, names: Names) -> dict[str, Any]:
    settings = {"field": given.take("field", names.field)}
    if "to" in given.left:
        settings["to"] = given.take("to", _scalar)
    return {"settings": settings}


def _scalar(value: Any, at: str) -> Any:
    if isinstance(value, bool | int | float):
        return value
    return reading.text(value, at)


def _date(given: Object, names: Names) -> dict[str, Any]:
    wait = schedule.parse(given.left, at=given.at)
    if not isinstance(wait, UntilDate):
        raise fault(f"{given.at}/field", "required", "Say which field holds the date.")
    names.field(wait.field, f"{given.at}/field")
    given.left = {}
    return {"settings": schedule.dump(wait)}


TRIGGERS: Mapping[str, Callable[[Object, Names], dict[str, Any]]] = {
    TriggerKind.LIST_JOINED: _row("list", List),
    TriggerKind.TAG_ADDED: _row("tag", Tag),
    TriggerKind.SEGMENT_ENTERED: _row("segment", Segment),
    TriggerKind.EVENT: _event,
    TriggerKind.FIELD_CHANGED: _field,
    TriggerKind.DATE: _date,
}
