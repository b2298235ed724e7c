"""What a run may wait for, or be ended by, as data. Pure.

{"event": "order_placed", "where": [{"property": "cart", "op": "is", "entry": "cart"}]}
{"reply": true}        a reply to any message of the run
{"opened": true}       a person opened any message of the run; or that of a step: its key
{"clicked": "stp_…"}   the same for a link
{"rule": {…}}          a rule over the subscriber holds
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from subscribers.segments import reading, rules
from subscribers.segments.reading import Object, fault
from subscribers.segments.rules import Property, Rule


@dataclass(frozen=True)
class EventHappens:
    """A custom event of that name comes in, with properties that compare as `where` says."""

    name: str
    where: tuple[Property, ...] = ()


@dataclass(frozen=True)
class Replies:
    """The subscriber answers any message of the run."""


@dataclass(frozen=True)
class Engages:
    """The subscriber opens or clicks the message of a step, or any of the run ('')."""

    verb: Literal["opened", "clicked"]
    step_key: str = ""


@dataclass(frozen=True)
class RuleHolds:
    rule: Rule


Happening = EventHappens | Replies | Engages
When = Happening | RuleHolds


def parse(data: Any, *, at: str = "") -> When:
    """The condition in `data`. Raises Invalid, with the pointer (below `at`) of every fault."""
    given = Object(data, at)
    kind = next((kind for kind in READERS if kind in given.left), None)
    if kind is None:
        raise fault(at, "required", f"This must have one of {', '.join(READERS)}.")
    when = READERS[kind](given)
    given.close()
    return when


def dump(when: When) -> dict[str, Any]:
    """As JSON; `parse` is the inverse."""
    match when:
        case EventHappens(name, where):
            return {"event": name, **({"where": rules.dump_where(where)} if where else {})}
        case Replies():
            return {"reply": True}
        case Engages(verb, step_key):
            return {verb: step_key or True}
    return {"rule": rules.dump(when.rule)}


def _event(given: Object) -> When:
    name = given.take("event", reading.text)
    where = given.take(
        "where", lambda data, at: rules.parse_where(data, at=at, entry=True), default=()
    )
    return EventHappens(name, where or ())


def _reply(given: Object) -> When:
    given.take("reply", _true)
    return Replies()


def _engages(verb: Literal["opened", "clicked"], given: Object) -> When:
    which = given.take(verb, lambda value, at: "" if value is True else reading.text(value, at))
    return Engages(verb, which)


def _rule(given: Object) -> When:
    return RuleHolds(given.take("rule", lambda data, at: rules.parse(data, at=at)))


def _true(value: Any, at: str) -> None:
    if value is not True:
        raise fault(at, "invalid", "This must be true.")


READERS: dict[str, Callable[[Object], When]] = {
    "event": _event,
    "reply": _reply,
    "opened": partial(_engages, "opened"),
    "clicked": partial(_engages, "clicked"),
    "rule": _rule,
}
