"""From the rows of a draft to a program that runs can follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import cast

from sequences import actions, conditions, draft, schedule
from sequences.draft import Node
from sequences.program import (
    MINIMUM,
    ActionStep,
    Arm,
    BranchStep,
    EmailStep,
    ExitStep,
    Program,
    SplitStep,
    Step,
    Variant,
    WaitStep,
    WaitUntilStep,
)
from sequences.schedule import Delay
from sequences.states import StepKind
from templates_app.models import Template


def templates(nodes: Iterable[Node]) -> dict[Template, list[Node]]:
    """The templates in use, each with the emails that use it, in order."""
    used: dict[Template, list[Node]] = {}
    for node in draft.walk(nodes):
        for template in _templates(node):
            used.setdefault(template, []).append(node)
    return used


def contents(node: Node) -> set[int]:
    """The ids of the templates that an email may send."""
    return {template.pk for template in _templates(node)}


def program(nodes: Iterable[Node], version_ids: Mapping[int, int]) -> Program:
    """The program of a draft without problems; `version_ids`: what a template stands for."""
    return Program(tuple(_step(node, version_ids) for node in nodes))


def _step(node: Node, version_ids: Mapping[int, int]) -> Step:
    key, settings = node.step.key, node.step.settings
    match node.step.kind:
        case StepKind.EMAIL:
            variants = tuple(
                Variant(each.key, each.weight, version_ids[each.template_id])
                for each in node.step.variants.all()
            )
            content = version_ids[cast("int", node.step.template_id)]
            return EmailStep(
                key,
                content,
                variants,
                settings.get("thread", ""),
                settings.get("metric", ""),
                settings.get("minimum", MINIMUM),
            )
        case StepKind.WAIT:
            delay = node.step.delay
            return WaitStep(key, Delay(delay) if delay else schedule.parse(settings["until"]))
        case StepKind.WAIT_UNTIL:
            timeout = cast("timedelta", node.step.delay)
            return WaitUntilStep(key, _arms(node, version_ids), timeout)
        case StepKind.BRANCH:
            return BranchStep(key, _arms(node, version_ids))
        case StepKind.SPLIT:
            return SplitStep(key, _arms(node, version_ids))
        case StepKind.ACTION:
            return ActionStep(key, actions.parse(settings["action"]))
        case _:
            return ExitStep(key, settings["reason"])


def _templates(node: Node) -> list[Template]:
    variants = [each.template for each in node.step.variants.all()]
    return [node.step.template, *variants] if node.step.template else variants


def _arms(node: Node, version_ids: Mapping[int, int]) -> tuple[Arm, ...]:
    return tuple(
        Arm(
            arm.key,
            tuple(_step(inner, version_ids) for inner in arm.nodes),
            conditions.parse(when) if (when := arm.settings.get("when")) else None,
            arm.settings.get("weight", 0),
            arm.settings["name"],
        )
        for arm in node.arms
    )
