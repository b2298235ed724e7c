"""The draft of a sequence: the tree of its steps, and that tree as one document.

    {"steps": [{"key": "stp_…", "kind": "email", "template": "tpl_…"},
               {"key": "stp_…", "kind": "wait", "delay": "P2D"},
               {"key": "stp_…", "kind": "branch", "arms": [
                   {"key": "vip", "name": "VIPs", "when": {"rule": {…}}, "steps": […]},
                   {"key": "else", "name": "", "steps": []}]}]}

`sequences.services.edit` says what each kind of step takes, and turns a document into rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sequences.models import Ending, Sequence, Step, Trigger
from sequences.states import LAST_ARM, StepKind
from subscribers.segments import comparisons
from templates_app.models import Template

Document = dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """A way through a block, with the steps on it; `settings` are its key, name and condition."""

    settings: Mapping[str, Any]
    nodes: tuple[Node, ...]

    @property
    def key(self) -> str:
        return str(self.settings["key"])

    @property
    def name(self) -> str:
        return self.settings["name"] or self.key

    @property
    def is_reserved(self) -> bool:
        """Whether it stands last whatever happens: for all others, or when time is up."""
        return self.key in LAST_ARM.values()


@dataclass(frozen=True)
class Node:
    """A step where it stands.

    `label` is its number as a person reads it, `2` or `2 › VIPs › 1`; `pointer` is where it is in
    the document, as a JSON pointer.
    """

    step: Step
    label: str
    pointer: str
    arms: tuple[Arm, ...] = ()

    def walk(self) -> Iterator[Node]:
        """The step itself, and then all that stands in its arms, in order."""
        yield self
        yield from walk(node for arm in self.arms for node in arm.nodes)


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """All steps of these and of their arms, in order."""
    for node in nodes:
        yield from node.walk()


def read(sequence: Sequence) -> tuple[Node, ...]:
    """The steps that stand in no arm, and below them all others. Costs three queries."""
    rows = sequence.steps.select_related("template").prefetch_related("variants__template")
    places: dict[tuple[int | None, str], list[Step]] = defaultdict(list)
    for step in rows.order_by("position", "pk"):
        step.sequence = sequence
        places[step.parent_id, step.arm].append(step)
    return _nodes(places, None, "", "", "")


def written(sequence: Sequence) -> Document:
    """The draft as a document; what it names, it names by public id."""
    return {"steps": [document(node) for node in read(sequence)]}


def told(step: Step) -> Document:
    """What a step was told, as the verbs take it: rows and timedeltas; arms without their steps."""
    members: Document = dict(step.settings)
    if step.template:
        members["template"] = step.template
    if step.delay:
        members["delay" if step.kind == StepKind.WAIT else "timeout"] = step.delay
    if variants := step.variants.all():
        members["variants"] = [
            {"key": each.key, "template": each.template, "weight": each.weight} for each in variants
        ]
    return members


def members(step: Step) -> Document:
    """The same as JSON."""
    return {name: _plain(value) for name, value in told(step).items()}


def _plain(value: Any) -> Any:
    match value:
        case Template():
            return value.public_id
        case timedelta():
            return comparisons.written(max(value, timedelta(seconds=1)))  # to the second
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {name: _plain(each) for name, each in value.items()}
    return value


def trigger_document(trigger: Trigger) -> Document:
    """A trigger, as it was given."""
    named = {"list": trigger.list, "tag": trigger.tag, "segment": trigger.segment}
    ids = {name: row.public_id for name, row in named.items() if row}
    return {"kind": trigger.kind, **ids, **trigger.settings}


def ending_document(ending: Ending) -> Document:
    """A goal or an exit, as it was given."""
    return {"name": ending.name, "when": ending.when}


def document(node: Node) -> Document:
    """A step and all that stands in its arms."""
    found = {"key": node.step.key, "kind": node.step.kind, **members(node.step)}
    if "arms" in found:
        found["arms"] = [
            {**arm.settings, "steps": [document(inner) for inner in arm.nodes]} for arm in node.arms
        ]
    return found


def _nodes(
    places: Mapping[tuple[int | None, str], list[Step]],
    parent: int | None,
    arm: str,
    label: str,
    pointer: str,
) -> tuple[Node, ...]:
    nodes = []
    for number, step in enumerate(places.get((parent, arm), ())):
        own_label, own_pointer = f"{label}{number + 1}", f"{pointer}/steps/{number}"
        arms = tuple(
            Arm(
                settings,
                _nodes(
                    places,
                    step.pk,
                    settings["key"],
                    f"{own_label} › {settings['name'] or settings['key']} › ",
                    f"{own_pointer}/arms/{place}",
                ),
            )
            for place, settings in enumerate(step.settings.get("arms", ()))
        )
        nodes.append(Node(step, own_label, own_pointer, arms))
    return tuple(nodes)
