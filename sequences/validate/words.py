"""How a problem of a step is told."""

from __future__ import annotations

from emailseq.lib.errors import Problem
from sequences.draft import Node


def of_step(node: Node, code: str, detail: str, *, member: str = "") -> Problem:
    """A problem of one step, or of a member of it; in the detail its number stands first."""
    return Problem(f"{node.pointer}{member}", code, f"Step {node.label}: {detail}")
