"""What a run may wait for, or be ended by, as data. Pure.

{"event": "order_placed", "where": [{"property": "cart", "op": "is", "entry": "cart"}]}
{"reply": true}      a reply to any message of the run
{"opened": true}     a person opened any message of the run; or that of one step: its key
{"clicked": "stp_…"} the same for a link
{"rule": {…}}        a rule over the subscriber holds
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Rule = Mapping[str, Any]  # as `subscribers.segments` reads it; here nobody looks inside
Comparison = Mapping[str, Any]  # of one property of an event, likewise
Engagement = Literal["opened", "clicked"]


@dataclass(frozen=True)
class EventHappens:
    """A custom event of that name comes in, with properties that compare as `where` says."""

    name: str
    where: tuple[Comparison, ...] = ()


@dataclass(frozen=True)
class Replies:
    """The subscriber answers any message of the run."""


@dataclass(frozen=True)
class Engages:
    """The subscriber opens or clicks the message of a step, or any of the run ('')."""

    verb: Engagement
    step_key: str = ""


@dataclass(frozen=True)
class RuleHolds:
    rule: Rule


When = EventHappens | Replies | Engages | RuleHolds


def parse(found: Mapping[str, Any]) -> When:
    """The condition that `dump` wrote, or a person. Raises ValueError for anything else."""
    match dict(found):
        case {"event": str(name), **rest} if name and not rest.keys() - {"where"}:
            return EventHappens(name, tuple(rest.get("where", ())))
        case {"reply": True, **rest} if not rest:
            return Replies()
        case {"opened": (True | str()) as which, **rest} if not rest:
            return Engages("opened", "" if which is True else which)
        case {"clicked": (True | str()) as which, **rest} if not rest:
            return Engages("clicked", "" if which is True else which)
        case {"rule": dict(rule), **rest} if not rest:
            return RuleHolds(rule)
    raise ValueError(f"Neither an event, a reply, an open, a click nor a rule: {found!r:.200}")


def dump(when: When) -> dict[str, Any]:
    """As JSON; `parse` is the inverse."""
    match when:
        case EventHappens(name, where):
            return {"event": name, "where": list(where)} if where else {"event": name}
        case Replies():
            return {"reply": True}
        case Engages(verb, step_key):
            return {verb: step_key or True}
        case RuleHolds(rule):
            return {"rule": rule}
