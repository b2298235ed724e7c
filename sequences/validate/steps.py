"""What each step lacks, or names that is not there any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any

from emailseq.lib import ids
from emailseq.lib.errors import Invalid, Problem
from sequences import draft
from sequences.draft import Arm, Node
from sequences.models import Sequence
from sequences.program import GOAL
from sequences.services.edit import settings
from sequences.services.edit.names import Names
from sequences.states import EndingKind, SequenceState, StepKind
from sequences.validate.settings import not_a_date
from sequences.validate.words import of_step
from subscribers.models import List


def problems(sequence: Sequence, nodes: tuple[Node, ...]) -> Iterator[Problem]:
    told = {node.step.key: draft.told(node.step) for node in draft.walk(nodes)}
    names = Names(sequence.workspace, told)
    for node in draft.walk(nodes):
        yield from _misnamed(node, told[node.step.key], names)
        yield from CHECKS.get(node.step.kind, _nothing)(node, names)
    yield from _behind(nodes, frozenset())
    yield from _reused(sequence, nodes)


def rules(nodes: Iterable[Node]) -> Iterator[tuple[str, Any]]:
    """The rules in the arms, each with its pointer."""
    for node in draft.walk(nodes):
        for at, arm in _deciding(node):
            if rule := (arm.settings.get("when") or {}).get("rule"):
                yield f"{at}/when/rule", rule


def _misnamed(node: Node, told: draft.Document, names: Names) -> Iterator[Problem]:
    """What was there when the step was saved, and is not now."""
    try:
        settings.read(node.step.kind, told, node.pointer, names)
    except Invalid as error:
        for each in error.errors:
            yield Problem(each.pointer, each.code, f"Step {node.label}: {each.detail}")


def _nothing(node: Node, names: Names) -> Iterator[Problem]:
    yield from ()


def _email(node: Node, names: Names) -> Iterator[Problem]:
    variants = [*node.step.variants.all()]
    for template in dict.fromkeys([node.step.template, *(each.template for each in variants)]):
        if template and template.archived_at:
            detail = f"the template “{template}” is archived: choose another one."
            yield of_step(node, "archived", detail)
    if variants and not any(each.weight for each in variants):
        detail = "no variant has a weight: nobody would get any."
        yield of_step(node, "no_weight", detail, member="/variants")
    yield from _trial(node, variants)


def _trial(node: Node, variants: Sized) -> Iterator[Problem]:
    """A metric decides between variants, by a goal if the sequence has one."""
    metric = node.step.settings.get("metric")
    if metric and len(variants) < 2:
        detail = "there is nothing to choose from by a metric: add variants, or take it away."
        yield of_step(node, "required", detail, member="/variants")
    goals = node.step.sequence.endings.filter(kind=EndingKind.GOAL)
    if metric == GOAL and not goals.exists():
        detail = "its variants are to win by the goal, but the sequence has none: add one."
        yield of_step(node, "no_goal", detail, member="/metric")


def _wait(node: Node, names: Names) -> Iterator[Problem]:
    if field := node.step.settings.get("until", {}).get("field"):
        yield from not_a_date(names.workspace, field, f"{node.pointer}/until", f"Step {node.label}")


def _wait_until(node: Node, names: Names) -> Iterator[Problem]:
    if node.step.delay is None:
        detail = "say after how long it gives up, lest somebody wait for ever."
        yield of_step(node, "required", detail, member="/timeout")
    yield from _conditions(node, "say what it waits for: add an arm.")


def _branch(node: Node, names: Names) -> Iterator[Problem]:
    yield from _conditions(node, "say who goes another way: add an arm.")


def _conditions(node: Node, mend: str) -> Iterator[Problem]:
    deciding = [*_deciding(node)]
    if not deciding:
        yield of_step(node, "required", mend, member="/arms")
    for at, arm in deciding:
        if not arm.settings.get("when"):
            detail = f"“{arm.name}” has no condition, so nobody would go there: write one."
            yield Problem(f"{at}/when", "required", f"Step {node.label}: {detail}")


def _split(node: Node, names: Names) -> Iterator[Problem]:
    if len(node.arms) < 2:
        yield of_step(node, "required", "a split takes two arms: add one.", member="/arms")
    elif not any(arm.settings["weight"] for arm in node.arms):
        yield of_step(node, "no_weight", "no arm has a weight: give them some.", member="/arms")


def _action(node: Node, names: Names) -> Iterator[Problem]:
    action = node.step.settings["action"]
    for noun, model in (("list", List), ("sequence", Sequence)):
        target = names.found(model, action[noun]) if noun in action else None
        if target and _is_archived(target):
            detail = f"the {noun} “{target}” is archived: choose another one."
            yield of_step(node, "archived", detail, member=f"/action/{noun}")


def _is_archived(target: List | Sequence) -> bool:
    if isinstance(target, Sequence):
        return target.state == SequenceState.ARCHIVED
    return target.archived_at is not None


def _deciding(node: Node) -> Iterator[tuple[str, Arm]]:
    """The arms that have a condition, or should, each with its pointer."""
    for place, arm in enumerate(node.arms):
        if not arm.is_reserved:
            yield f"{node.pointer}/arms/{place}", arm


def _behind(row: Iterable[Node], before: frozenset[str]) -> Iterator[Problem]:
    """What names an email that nobody has got by then; `before` are the keys of those before."""
    for node in row:
        yield from _too_early(node, before)
        for arm in node.arms:
            yield from _behind(arm.nodes, before)
        inside = {inner.step.key for inner in node.walk() if inner.step.kind == StepKind.EMAIL}
        before |= inside


def _too_early(node: Node, before: frozenset[str]) -> Iterator[Problem]:
    thread = node.step.settings.get("thread")
    if thread and thread not in before:
        detail = "it continues the thread of an email that does not come before it: choose another."
        yield of_step(node, "not_earlier", detail, member="/thread")
    for at, arm in _deciding(node):
        when = arm.settings.get("when") or {}
        for verb in ("opened", "clicked"):
            if isinstance(key := when.get(verb), str) and key not in before:
                detail = f"“{arm.name}” asks for an email that does not come before it."
                yield Problem(f"{at}/when/{verb}", "not_earlier", f"Step {node.label}: {detail}")


def _reused(sequence: Sequence, nodes: Iterable[Node]) -> Iterator[Problem]:
    """Keys that a step of another kind has in an earlier version. Those we make are never twice."""
    chosen = [n for n in draft.walk(nodes) if ids.decode("stp", n.step.key) is None]
    if not chosen:
        return
    kinds = dict(
        pair
        for frozen in sequence.versions.values_list("program", flat=True)
        for pair in _kinds(frozen["steps"])
    )
    for node in chosen:
        if (kind := kinds.get(node.step.key, node.step.kind)) != node.step.kind:
            detail = f"“{node.step.key}” is “{kind}” in an earlier version: choose another key."
            yield of_step(node, "duplicate", detail, member="/key")


def _kinds(frozen: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for step in frozen:
        yield step["key"], step["kind"]
        for arm in step.get("arms", ()):
            yield from _kinds(arm["steps"])


CHECKS: Mapping[str, Callable[[Node, Names], Iterator[Problem]]] = {
    StepKind.EMAIL: _email,
    StepKind.WAIT: _wait,
    StepKind.WAIT_UNTIL: _wait_until,
    StepKind.BRANCH: _branch,
    StepKind.SPLIT: _split,
    StepKind.ACTION: _action,
}
