"""Whether the steps follow each other in a way that makes sense."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from emailseq.lib.errors import Problem
from sequences import draft
from sequences.draft import Node
from sequences.states import StepKind
from sequences.validate.words import of_step

_DOES = (StepKind.EMAIL, StepKind.ACTION)
_WAITS = (StepKind.WAIT, StepKind.WAIT_UNTIL)


def problems(nodes: tuple[Node, ...]) -> Iterator[Problem]:
    if not any(node.step.kind in _DOES for node in draft.walk(nodes)):
        yield Problem("/steps", "required", "It sends nothing: add an email.")
    else:
        yield from _at_end(nodes)
    yield from _unreachable(nodes)


def _at_end(row: tuple[Node, ...]) -> Iterator[Problem]:
    """Waits after which nothing comes."""
    if not row:
        return
    last = row[-1]
    if last.step.kind in _WAITS and not any(arm.nodes for arm in last.arms):
        detail = "nothing follows this wait: add an email after it, or remove it."
        yield of_step(last, "wait_at_end", detail)
    for arm in last.arms:
        yield from _at_end(arm.nodes)


def _unreachable(row: Iterable[Node]) -> Iterator[Problem]:
    """Steps behind one that ends every run: the first of each row of them."""
    end: Node | None = None
    for node in row:
        if end:
            detail = f"nobody gets here, because step {end.label} ends the run: move or remove it."
            yield of_step(node, "unreachable", detail)
            return
        for arm in node.arms:
            yield from _unreachable(arm.nodes)
        end = node if _ends(node) else None


def _ends(node: Node) -> bool:
    """Whether nobody comes out behind a step."""
    if node.step.kind == StepKind.EXIT:
        return True
    return bool(node.arms) and all(any(map(_ends, arm.nodes)) for arm in node.arms)
