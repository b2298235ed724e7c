from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from io import StringIO
from typing import Any

from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Literal, Path, PositionalArgument
from liquid.builtin.tags.comment_tag import CommentNode

from templates_app.liquid.analysis import Walk
from templates_app.liquid.sandbox import ESCAPES, SANDBOX, Missing, Scope, parse
from templates_app.liquid.source import TemplateError

Slot = Callable[[Scope], str]
"""A compiled place: the text it has in a scope."""

_MISSING = Missing("")
_COMPUTED = {"size", "first", "last"}  # the library answers these for any value


def cut(source: str) -> list[str | Slot]:
    """The literal texts and the slots of a checked source whose every output ends in an escape.

    `{{ path | filter: literal }}` becomes a slot that walks the data by itself; whatever else is
    left to the library, node by node, with the same result. Raises TemplateError.
    """
    nodes = parse(source)
    walk = Walk(SANDBOX.filters, reserved=frozenset())
    walk.visit_all(nodes)
    for output in walk.outputs:
        expression: Any = output.expression
        if not expression.filters or expression.filters[-1].name not in ESCAPES:
            raise TemplateError("An output would reach the message unescaped.")
        if _is_simple(expression):
            output.direct = _direct(expression, walk.made)
    return [_part(node) for node in nodes if not isinstance(node, CommentNode)]


def _is_simple(expression: Any) -> bool:
    """Whether this is a path of names and filters with literal arguments."""
    arguments = [argument for used in expression.filters for argument in used.args]
    return (
        isinstance(expression.left, Path)
        and all(isinstance(key, str | int) for key in expression.left.path)
        and not _COMPUTED & set(expression.left.path)
        and all(
            isinstance(argument, PositionalArgument) and isinstance(argument.value, Literal)
            for argument in arguments
        )
    )


def _direct(expression: Any, made: Collection[str]) -> Slot:
    root, *path = expression.left.path
    is_made = root in made
    *filters, last = expression.filters
    escape = ESCAPES[last.name]
    steps = [
        (SANDBOX.filters[used.name], [argument.value.value for argument in used.args])
        for used in filters
    ]

    def slot(scope: Scope) -> str:
        value: Any
        try:
            value = scope.scope[root] if is_made else scope.globals[root]
            for key in path:
                if value.__class__ is str:  # has no members in Liquid
                    raise KeyError(key)
                value = value[key]
        except (KeyError, TypeError, IndexError):
            value = _MISSING
        for function, arguments in steps:
            value = function(value, *arguments, context=scope)
        text = escape(value)
        scope.spend(len(text))
        return text

    return slot


def _part(node: Node) -> str | Slot:
    if isinstance(node, ContentNode):
        return node.text
    return getattr(node, "direct", None) or partial(_rendered, node)


def _rendered(node: Node, scope: Scope) -> str:
    buffer = StringIO()
    node.render(scope, buffer)
    return buffer.getvalue()
