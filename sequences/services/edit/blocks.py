"""The arms of branches, splits and wait-untils, as the members of a document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emailseq.lib.errors import Invalid, Problem
from sequences.models.step import MAX_ARM_KEY
from sequences.services.edit import readers
from sequences.services.edit.names import Names
from sequences.states import LAST_ARM, StepKind
from subscribers.segments import reading
from subscribers.segments.reading import Object

MAX_ARMS = 20


@dataclass(frozen=True)
class Arm:
    """An arm as it was given: what it is told, its steps, not read yet, and where they were."""

    settings: dict[str, Any]
    steps: Any
    at: str


def read(kind: StepKind, value: Any, at: str, names: Names) -> list[Arm]:
    """The arms of a block in order; the reserved one last, whether it is given or not."""
    reserved = LAST_ARM[kind]

    def one(value: Any, at: str) -> Arm:
        given = Object(value, at)
        key = given.take("key", readers.key(MAX_ARM_KEY), default="")
        name = given.take("name", readers.text(readers.MAX_NAME), default="")
        settings = {"key": key, "name": name}
        if not key or key != reserved:
            settings |= CONDITIONS[kind](given, names)
        arm = Arm(settings, given.take("steps", lambda steps, _: steps, default=[]), f"{at}/steps")
        given.close()
        return arm

    arms = list(reading.each(value, at, one)) if value != [] else []
    for arm, key in zip(arms, keyed([arm.settings["key"] for arm in arms], "arm", at), strict=True):
        arm.settings["key"] = key
    if reserved and all(arm.settings["key"] != reserved for arm in arms):
        arms.append(Arm({"key": reserved, "name": ""}, [], ""))
    return sorted(arms, key=lambda arm: bool(reserved) and arm.settings["key"] == reserved)


def keyed(keys: list[str], noun: str, at: str) -> list[str]:
    """The keys, with new ones for those that are empty. Raises Invalid for one that is twice."""
    problems = [
        Problem(f"{at}/{place}/key", "duplicate", f"There is another {noun} “{key}”.")
        for place, key in enumerate(keys)
        if key and key in keys[:place]
    ]
    if len(keys) > MAX_ARMS:
        problems.append(Problem(at, "too_long", f"At most {MAX_ARMS}."))
    if problems:
        raise Invalid(problems)
    free = (key for number in range(1, 2 * MAX_ARMS) if (key := f"{noun}-{number}") not in keys)
    return [key or next(free) for key in keys]


def _rule(given: Object, names: Names) -> dict[str, Any]:
    reader = readers.when(names.workspace, only_rules=True)
    return {"when": given.take("when", _or_none(reader), default=None)}


def _when(given: Object, names: Names) -> dict[str, Any]:
    return {"when": given.take("when", _or_none(readers.when(names.workspace)), default=None)}


def _weight(given: Object, names: Names) -> dict[str, Any]:
    return {"weight": given.take("weight", readers.weight, default=1)}


def _or_none(reader: reading.Reader) -> reading.Reader:
    return lambda value, at: None if value is None else reader(value, at)


CONDITIONS: Mapping[str, Callable[[Object, Names], dict[str, Any]]] = {
    StepKind.WAIT_UNTIL: _when,
    StepKind.BRANCH: _rule,
    StepKind.SPLIT: _weight,
}
