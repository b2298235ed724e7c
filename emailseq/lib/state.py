"""States are data: an app declares its moves, and this is the one place that makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Model, QuerySet

from emailseq.lib.errors import StateConflict


class Move(NamedTuple):
    """One arrow: the states it may start from and the one it ends in."""

    sources: tuple[str, ...]
    target: str


def move(rows: QuerySet[Any], arrow: Move, **changes: Any) -> int:
    """Compare-and-set `state` (and `changes`) on the rows the arrow applies to; how many moved."""
    return rows.filter(state__in=arrow.sources).update(state=arrow.target, **changes)


def move_one(
    row: Model, verb: str, moves: Mapping[str, Move], *, same: Sequence[str] = (), **changes: Any
) -> bool:
    """Move one row by `verb` and refresh it; False when it is there already (or in `same`).

    Raises StateConflict, naming the verbs that are allowed, when the state forbids it.
    """
    arrow = moves[verb]
    manager = type(row)._default_manager
    moved = move(manager.filter(pk=row.pk), arrow, **changes)
    row.refresh_from_db()
    state: str = row.state  # type: ignore[attr-defined]
    if moved or state == arrow.target or state in same:
        return bool(moved)
    raise refusal(verb, moves, state=state)


def refusal(verb: str, moves: Mapping[str, Move], *, state: str) -> StateConflict:
    """What to raise when `state` forbids `verb`: it names the verbs that are allowed."""
    allowed = [name for name, (sources, _) in moves.items() if state in sources]
    return StateConflict(f"Cannot {verb} while {state}.", state=state, allowed=allowed)
