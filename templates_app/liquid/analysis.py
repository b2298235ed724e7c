from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from liquid.ast import Node
from liquid.builtin.expressions import LoopExpression, Path
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode

from templates_app.liquid.sandbox import FILTERS, OutputNode, Scope, line_of, parse
from templates_app.liquid.source import TemplateError, pieces

_AUTOMATIC = ("escape", "escape_once", "url_encode")


class Use(NamedTuple):
    """A name that the template expects from outside, as far as it is written out."""

    path: tuple[str, ...]
    line: int


class Analysis(NamedTuple):
    """What a template reads from outside and which names it makes itself.

    `bare` is what it prints without a `default`, and without having asked whether it is there.
    """

    uses: tuple[Use, ...]
    made: frozenset[str]
    bare: frozenset[tuple[str, ...]]


def check(source: str, *, reserved: frozenset[str] = frozenset()) -> Analysis:
    """Parse strictly: tags, filters, blocks, ranges. Raises TemplateError.

    A template may not make names of its own that start with `_` or are `reserved`.
    """
    pieces(source)
    walk = Walk(FILTERS, reserved=reserved)
    walk.visit_all(parse(source))
    return Analysis(tuple(walk.uses), frozenset(walk.made), frozenset(walk.bare))


class Walk:
    """Visits every node and expression of a template, knowing which names are made where."""

    def __init__(self, filters: Container[str], *, reserved: frozenset[str]) -> None:
        self.filters = filters
        self.reserved = reserved
        self.uses: list[Use] = []
        self.made: set[str] = set()
        self.outputs: list[OutputNode] = []
        self.loops: list[LoopExpression] = []
        self.bare: set[tuple[str, ...]] = set()
        self._asked: list[tuple[str, ...]] = []
        self._known: list[set[str]] = [set()]
        self._context = Scope({}).context

    def visit_all(self, nodes: Iterable[Node]) -> None:
        """Visit nodes in the order in which they are rendered. Raises TemplateError."""
        for node in nodes:
            self._visit(node)

    def _visit(self, node: Node) -> None:
        if isinstance(node, BreakNode | ContinueNode) and not self._knows("forloop"):
            line = line_of(node.token)
            raise TemplateError(f"“{node.token.value}” outside of a loop.", line=line)
        if isinstance(node, OutputNode):
            self.outputs.append(node)
            self._print(node.expression)
        for expression in node.expressions():
            self._inspect(expression)
        self._known[0] |= self._make(node.template_scope(), node)
        self._known.append(self._make(node.block_scope(), node))
        asked = [path for expression in node.expressions() for path in _paths(expression)]
        self._asked += asked
        self.visit_all(node.children(self._context))
        del self._asked[len(self._asked) - len(asked) :]
        self._known.pop()

    def _print(self, expression: Any) -> None:
        """Note a path that prints nothing for whoever has nothing there."""
        value, filters = getattr(expression, "left", None), expression.filters or ()
        if isinstance(value, Path) and all(used.name != "default" for used in filters):
            path = _written(value)
            if path and path not in self._asked and not self._knows(path[0]):
                self.bare.add(path)

    def _make(self, names: Iterable[str], node: Node) -> set[str]:
        made = {str(name) for name in names}
        for name in made:
            if name in self.reserved or name.startswith("_"):
                raise TemplateError(f"“{name}” is a reserved name.", line=line_of(node.token))
        self.made |= made
        return made

    def _inspect(self, expression: Any, *, is_looped: bool = False) -> None:
        if isinstance(expression, RangeLiteral) and not is_looped:
            line = line_of(expression.token)
            raise TemplateError("A range may only stand in “for … in”.", line=line)
        if isinstance(expression, LoopExpression):
            self.loops.append(expression)
        if isinstance(expression, Path):
            self._use(expression)
        for used in getattr(expression, "filters", None) or ():
            if used.name not in self.filters:
                raise TemplateError(_unknown_filter(used.name), line=line_of(used.token))
        for child in expression.children():
            in_loop = isinstance(expression, LoopExpression)
            self._inspect(child, is_looped=in_loop and child is expression.iterable)

    def _use(self, path: Path) -> None:
        written = _written(path)
        if not (written and self._knows(written[0])):
            self.uses.append(Use(written, line_of(path.token)))

    def _knows(self, name: str) -> bool:
        return any(name in names for names in self._known)


def _written(path: Path) -> tuple[str, ...]:
    return tuple(map(str, takewhile(lambda segment: isinstance(segment, str), path.path)))


def _paths(expression: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(expression, Path):
        yield _written(expression)
    for child in expression.children():
        yield from _paths(child)


def _unknown_filter(name: str) -> str:
    if name in _AUTOMATIC:
        return f"Leave out “| {name}”: values are escaped for the place they stand in."
    return f"There is no filter “{name}”."
