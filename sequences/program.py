"""The program of a sequence, frozen: what a run follows, whatever becomes of the draft. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class EmailStep:
    """Send one message. `key` names the step in every version, run and message."""

    key: str
    template_version_id: int


@dataclass(frozen=True)
class WaitStep:
    """Let `delay` pass; right after an email it counts from when that message left."""

    key: str
    delay: timedelta


Step = EmailStep | WaitStep


@dataclass(frozen=True)
class Program:
    """Steps in order. A position is a step's key, or '' before the first."""

    steps: tuple[Step, ...]

    def at(self, position: str) -> Step | None:
        """The step of that key; None before the first. Raises KeyError for a foreign key."""
        return self.steps[self._index(position)] if position else None

    def before(self, step: Step) -> Step | None:
        index = self._index(step.key)
        return self.steps[index - 1] if index else None

    def after(self, step: Step | None) -> Step | None:
        """What follows `step`, or comes first after None; None at the end."""
        index = self._index(step.key) + 1 if step else 0
        return self.steps[index] if index < len(self.steps) else None

    def _index(self, key: str) -> int:
        for index, step in enumerate(self.steps):
            if step.key == key:
                return index
        raise KeyError(f"The program has no step {key!r}.")


def freeze(program: Program) -> dict[str, Any]:
    """As JSON, for a version row; `load` is the inverse."""
    return {"steps": [_freeze_step(step) for step in program.steps]}


def load(frozen: Mapping[str, Any]) -> Program:
    """What `freeze` made. Raises KeyError or ValueError for anything else."""
    return Program(tuple(_load_step(step) for step in frozen["steps"]))


def _freeze_step(step: Step) -> dict[str, Any]:
    if isinstance(step, EmailStep):
        return {"kind": "email", "key": step.key, "template_version_id": step.template_version_id}
    return {"kind": "wait", "key": step.key, "seconds": step.delay.total_seconds()}


def _load_step(frozen: Mapping[str, Any]) -> Step:
    match frozen["kind"]:
        case "email":
            return EmailStep(frozen["key"], frozen["template_version_id"])
        case "wait":
            return WaitStep(frozen["key"], timedelta(seconds=frozen["seconds"]))
        case kind:
            raise ValueError(f"A program has no steps of the kind {kind!r}.")
