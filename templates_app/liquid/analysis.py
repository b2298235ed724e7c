from __future__ import annotations

from collections.abc import Container, Iterable
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
    """What a template reads from outside and which names it makes itself."""

    uses: tuple[Use, ...]
    made: frozenset[str]


def check(source: str, *, reserved: frozenset[str] = frozenset()) -> Analysis:
    """Parse strictly: tags, filters, blocks, ranges. Raises TemplateError.

    A template may not make names of its own that start with `_` or are `reserved`.
    """
    pieces(source)
    walk = Walk(FILTERS, reserved=reserved)
    walk.visit_all(parse(source))
    return Analysis(tuple(walk.uses), frozenset(walk.made))


class Walk:
    """Visits every node and expression of a template, knowing which names are made where."""

    def __init__(self, filters: Container[str], *, reserved: frozenset[str]) -> None:
        self.filters = filters
        self.reserved = reserved
        self.uses: list[Use] = []
        self.made: set[str] = set()
        self.outputs: list[OutputNode] = []
        self.loops: list[LoopExpression] = []
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
        for expression in node.expressions():
            self._inspect(expression)
        self._known[0] |= self._make(node.template_scope(), node)
        self._known.append(self._make(node.block_scope(), node))
        self.visit_all(node.children(self._context))
        self._known.pop()

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
        names = takewhile(lambda segment: isinstance(segment, str), path.path)
        written = tuple(map(str, names))
        if not (written and self._knows(written[0])):
            self.uses.append(Use(written, line_of(path.token)))

    def _knows(self, name: str) -> bool:
        return any(name in names for names in self._known)


def _unknown_filter(name: str) -> str:
    if name in _AUTOMATIC:
        return f"Leave out “| {name}”: values are escaped for the place they stand in."
    return f"There is no filter “{name}”."
