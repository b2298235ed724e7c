"""What may not be published, and why: each problem names the step and the mend."""

from __future__ import annotations

from collections import defaultdict

from emailseq.lib.errors import Problem
from sequences import draft, frozen, loops
from sequences.draft import Node
from sequences.loops import Loop
from sequences.models import Sequence
from sequences.validate import contents, flow, settings, steps
from sequences.validate.words import of_step
from subscribers.segments import references, rules

__all__ = ["odd_contents", "of_step", "problems", "warnings"]


def problems(sequence: Sequence) -> list[Problem]:
    """Everything that keeps this draft from being published; pointers are into its document."""
    nodes = draft.read(sequence)
    return [
        *settings.problems(sequence, nodes),
        *flow.problems(nodes),
        *steps.problems(sequence, nodes),
        *(_said(nodes, loop) for loop in _loops(sequence, nodes) if loop.instant),
    ]


def warnings(sequence: Sequence) -> list[Problem]:
    """What is odd about a draft, but may be meant."""
    nodes = draft.read(sequence)
    odd = [_said(nodes, loop) for loop in _loops(sequence, nodes) if not loop.instant]
    for pointer, rule in (*settings.rules(sequence), *steps.rules(nodes)):
        odd += references.warnings(rules.parse(rule), sequence.workspace, at=pointer)
    return [*odd, *settings.warnings(sequence)]


def odd_contents(sequence: Sequence) -> list[Problem]:
    """What is odd about what its messages say, as the checks of their templates have it."""
    return list(contents.warnings(sequence, draft.read(sequence)))


def _loops(sequence: Sequence, nodes: tuple[Node, ...]) -> list[Loop]:
    return loops.find(sequence, frozen.program(nodes, defaultdict(int)))


def _said(nodes: tuple[Node, ...], loop: Loop) -> Problem:
    node = next(node for node in draft.walk(nodes) if node.step.key == loop.step_key)
    through = ", which enrolls in ".join(f"“{name}”" for name in loop.through)
    mend = (
        "Nobody would ever get out of it: put a wait on the way, or enroll elsewhere."
        if loop.instant
        else "People may go round for ever, up to ten times in a row."
    )
    return of_step(node, "loop", f"it enrolls in {through}. {mend}")
