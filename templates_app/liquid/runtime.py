"""What a program calls where Liquid and Python differ. Pure; the meaning is the library's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.expressions.logical import _contains, _eq, _le, _lt
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.for_tag import ForLoop
from liquid.exceptions import LiquidTypeError
from liquid.limits import to_int

from templates_app.liquid.sandbox import MAX_RANGE, MAX_TURNS, SANDBOX, Limit, Missing, Scope

MISSING = Missing("")
ABSENT = (KeyError, TypeError, IndexError)
_READER = RenderContext(BoundTemplate(SANDBOX, []))


def at_most(_token: Any, left: Any, right: Any) -> bool:
    return _le(left, right)


def item(value: Any, keys: tuple[str | int, ...]) -> Any:
    """What a path leads to from a value: `size`, `first` and `last` are answered for any."""
    try:
        for key in keys:
            value = _READER.get_item(value, key)
    except ABSENT:
        return MISSING
    return value


def items(value: Any) -> Sequence[Any]:
    """What a loop goes through."""
    if value.__class__ is list:
        return value
    if isinstance(value, (list, tuple, range)):
        return value
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, str):
        return [value] if value else ()
    return value if isinstance(value, Sequence) else ()


def span(literal: RangeLiteral, start: Any, stop: Any) -> range:
    """The numbers of `(start..stop)`. Raises Limit when there are too many."""
    numbers: range = literal._make_range(start, stop)
    if numbers.stop - numbers.start > MAX_RANGE:
        raise Limit(f"a range of more than {MAX_RANGE} items")
    return numbers


def whole(value: Any) -> int:
    """A bound of a loop. Raises LiquidTypeError."""
    try:
        return int(to_int(value))
    except (ValueError, TypeError):
        raise LiquidTypeError("the bound of a loop is no number", token=None) from None


def window(
    loop: LoopExpression,
    scope: Scope,
    found: Sequence[Any],
    limit: int | None,
    offset: int | str | None,
) -> list[Any]:
    """The items that `limit`, `offset` and `reversed` leave, in their order."""
    chosen, _ = loop._slice(iter(found), len(found), scope.context, limit=limit, offset=offset)
    return list(chosen)


def begin(scope: Scope, found: Sequence[Any], turns: int, size: int) -> int:
    """Pay for the turns of a loop; how many there are with those of the loops it stands in.

    Raises Limit.
    """
    count = len(found)
    if count * turns > MAX_TURNS:
        raise Limit(f"more than {MAX_TURNS} turns")
    scope.charge(count * size)
    return count * turns


def weigh(scope: Scope, pieces: Sequence[str | bytes]) -> None:
    """Pay for what a loop has printed. Raises Limit."""
    scope.spend(sum(map(len, pieces)))


def capture(scope: Scope, name: str, pieces: Sequence[str]) -> None:
    """Make a name of what was printed. Raises Limit."""
    text = "".join(pieces)
    scope.charge(len(text))
    scope.assign(name, text)


def interpret(node: Node, scope: Scope) -> str:
    """What the library prints for a node."""
    buffer = StringIO()
    node.render(scope.context, buffer)
    return buffer.getvalue()


NAMES: dict[str, Any] = {
    "__builtins__": {"iter": iter, "len": len, "range": range, "str": str},
    "ABSENT": ABSENT,
    "MISSING": MISSING,
    "ForLoop": ForLoop,
    "Missing": Missing,
    "at_most": at_most,
    "begin": begin,
    "capture": capture,
    "contains": _contains,
    "equal": _eq,
    "interpret": interpret,
    "item": item,
    "items": items,
    "less": _lt,
    "span": span,
    "weigh": weigh,
    "whole": whole,
    "window": window,
}
"""What there is for a program, besides its constants."""
