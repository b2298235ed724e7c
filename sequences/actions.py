"""What a sequence does besides sending, as data. Pure.

    {"kind": "add_tag", "tag": "tag_…"}          {"kind": "set_field", "field": "plan", "value": …}
    {"kind": "enroll", "sequence": "seq_…"}      {"kind": "call_webhook", "endpoint": "…"}

Tags, lists and sequences are named by their public ids, as in rules.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from emailseq.lib.errors import Invalid
from subscribers.segments import reading
from subscribers.segments.reading import Object, fault, word


@dataclass(frozen=True)
class AddTag:
    tag: str


@dataclass(frozen=True)
class RemoveTag:
    tag: str


@dataclass(frozen=True)
class AddList:
    list: str


@dataclass(frozen=True)
class RemoveList:
    list: str


@dataclass(frozen=True)
class SetField:
    """Give a field of the subscriber a value; None clears it."""

    field: str
    value: Any


@dataclass(frozen=True)
class Enroll:
    """Start a run of another sequence."""

    sequence: str


@dataclass(frozen=True)
class Remove:
    """End the subscriber's run of another sequence."""

    sequence: str


@dataclass(frozen=True)
class CallWebhook:
    """Tell an endpoint about the subscriber."""

    endpoint: str


@dataclass(frozen=True)
class Notify:
    """Write to a teammate."""

    to: str
    text: str


Action = (
    AddTag | RemoveTag | AddList | RemoveList | SetField | Enroll | Remove | CallWebhook | Notify
)

KINDS: dict[str, type[Action]] = {
    "add_tag": AddTag,
    "remove_tag": RemoveTag,
    "add_list": AddList,
    "remove_list": RemoveList,
    "set_field": SetField,
    "enroll": Enroll,
    "remove": Remove,
    "call_webhook": CallWebhook,
    "notify": Notify,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def parse(data: Any, *, at: str = "") -> Action:
    """The action in `data`. Raises Invalid, with the JSON pointer (below `at`) of every fault."""
    given = Object(data, at)
    kind = given.take("kind", word(KINDS))
    if kind is None:
        raise Invalid(given.faults)
    settings = {
        each.name: given.take(each.name, _value if each.name == "value" else reading.text)
        for each in fields(KINDS[kind])
    }
    given.close()
    return KINDS[kind](**settings)


def dump(action: Action) -> dict[str, Any]:
    """As JSON; `parse` is the inverse."""
    return {"kind": _NAMES[type(action)], **asdict(action)}


def _value(value: Any, at: str) -> Any:
    if isinstance(value, str):
        return reading.text(value, at)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise fault(at, "invalid", "This must be text, a number, true, false or null.")
