"""What may not be published, and why: each problem names the step and the mend."""

from __future__ import annotations

from collections.abc import Iterator

from emailseq.lib.errors import Problem
from sequences.models import Sequence, Step
from sequences.states import StepKind


def problems(sequence: Sequence) -> list[Problem]:
    """Everything that keeps this draft from being published; pointers are into the sequence."""
    steps = list(sequence.steps.select_related("template"))
    return [*_settings(sequence), *_whole(steps), *_each(steps)]


def of_step(step: Step, code: str, detail: str) -> Problem:
    """A problem of one step, in whose detail its number stands first."""
    return Problem(f"/steps/{step.position - 1}", code, f"Step {step.position}: {detail}")


def _settings(sequence: Sequence) -> Iterator[Problem]:
    for trigger in sequence.triggers.exclude(list__archived_at=None).select_related("list"):
        detail = f"Nobody joins the archived list “{trigger.list}”: choose another one."
        yield Problem("/triggers", "archived", detail)
    if sequence.list and sequence.list.archived_at:
        detail = f"The list “{sequence.list}” is archived: choose another one."
        yield Problem("/list", "archived", detail)


def _whole(steps: list[Step]) -> Iterator[Problem]:
    if not any(step.kind == StepKind.EMAIL for step in steps):
        yield Problem("/steps", "required", "It sends nothing: add an email.")
    elif steps[-1].kind == StepKind.WAIT:
        detail = "nothing follows this wait: add an email after it, or remove it."
        yield of_step(steps[-1], "wait_at_end", detail)


def _each(steps: list[Step]) -> Iterator[Problem]:
    for step in steps:
        if step.template and step.template.archived_at:
            detail = f"the template “{step.template}” is archived: choose another one."
            yield of_step(step, "archived", detail)
