"""A checked source as one Python function. Pure; docs/adr/0024 says why.

The code consists of our own words and numbers only. Whatever comes from a template, be it a text,
a name, a filter or an argument, is a numbered constant: `c` are constants, `r` roots of the data,
`v` values, `p` printed pieces. What is not dealt with here is left to the library, one node at the
top of the template at a time; the result is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple

from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Literal
from liquid.builtin.expressions.primitive import RangeLiteral, StringLiteral
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode

from templates_app.liquid.analysis import Walk
from templates_app.liquid.expressions import Expressions, Uncompilable
from templates_app.liquid.ink import TEXT, Form, Piece, ink
from templates_app.liquid.runtime import NAMES
from templates_app.liquid.sandbox import ESCAPES, SANDBOX, OutputNode, Scope, parse
from templates_app.liquid.source import TemplateError

Program = Callable[[Scope], list[Piece]]
"""Prints a source in a scope: the pieces of the part, in order."""

_MAX_LOOPS = 8  # in each other; Python nests no more than 20 blocks
_MAX_BRANCHES = 50


def compiled(source: str, form: Form[Piece]) -> Program[Piece]:
    """The program of a checked source. Raises TemplateError if an output ends in no escape."""
    code, names = write(source, form)
    exec(compile(code, "<template>", "exec"), names)  # noqa: S102 - our own words, see above
    program: Program[Piece] = names["program"]
    return program


def write(source: str, form: Form[Piece]) -> tuple[str, dict[str, Any]]:
    """The code of the program and the names it uses. Raises TemplateError."""
    nodes = parse(source)
    walk = Walk(SANDBOX.filters, reserved=frozenset())
    walk.visit_all(nodes)
    for output in walk.outputs:
        filters = getattr(output.expression, "filters", None)
        if not filters or filters[-1].name not in ESCAPES:
            raise TemplateError("An output would reach the message unescaped.")
    writer = _Writer(walk, form)
    for node in nodes:
        writer.top(node)
    return writer.finish(), writer.constants


class _Loop(NamedTuple):
    """The variables of a loop that is being written."""

    turns: str
    names: dict[str, str]


class _Writer(Expressions, Generic[Piece]):
    def __init__(self, walk: Walk, form: Form[Piece]) -> None:
        super().__init__(walk.made)
        self.constants |= NAMES | {"encode": form.encode}
        self._form: Form[Any] = form
        self._remembers = bool(walk.made)
        self._resumes = any(_resumes(loop) for loop in walk.loops)
        self._loops: tuple[_Loop, ...] = ()
        self._used: set[str] = set()  # `forloop` variables that somebody reads
        self._texts: list[str] = []
        self._pieces: list[str] = []
        self._size = 0  # nodes written for the innermost loop
        self._muted = False
        self._breakable = False
        self._captures = False

    def top(self, node: Node) -> None:
        """Write a node that stands in no other."""
        before = {**vars(self), "_texts": self._texts[:], "_pieces": self._pieces[:]}
        length = len(self.lines)
        try:
            self._node(node)
        except Uncompilable:
            vars(self).update(before)
            del self.lines[length:]
            piece = self.local("p")
            self.lines.append(f" {piece} = encode(interpret({self.constant(node)}, scope))")
            self._print(piece)
            self._remembers = True

    def finish(self) -> str:
        """The code of the function."""
        self.flush()
        forget = [" made = scope.forget()"] if self._remembers else []
        roots = [
            f" {local} = data.get({self.constant(name)}, MISSING)"
            for name, local in self.roots.items()
        ]
        head = ["def program(scope):", " out = []", " data = scope.data", *forget]
        return "\n".join([*head, *roots, *self.lines, " return out", ""])

    def name(self, name: str) -> str:
        for loop in reversed(self._loops):
            if local := loop.names.get(name):
                if name == "forloop":
                    self._used |= {each.names["forloop"] for each in self._loops}
                return local
        return super().name(name)

    def flush(self) -> None:
        """Write down what is to be printed by now."""
        self._end_text()
        if self._pieces:
            self.lines.append(f"{' ' * self.depth}out += ({', '.join(self._pieces)},)")
            self._pieces = []

    # What is printed

    def _print(self, piece: str) -> None:
        self._end_text()
        self._pieces.append(piece)

    def _end_text(self) -> None:
        if text := "".join(self._texts):
            self._pieces.append(self.constant(self._form.encode(text)))
        self._texts = []

    def _content(self, node: Any) -> None:
        if not self._muted:
            self._texts.append(node.text)

    def _output(self, node: Any) -> None:
        left = node.expression.left
        *filters, last = node.expression.filters
        if last.name == "_ready" and not self._captures:
            members = "".join(f"[{self.constant(key)}]" for key in left.path[1:])
            self._print(self.name(left.path[0]) + members)
        elif isinstance(left, Literal) and not filters:
            self._texts.append(ESCAPES[last.name](left.value))
        else:
            self._value(self.filtered(left, filters), last.name)

    def _value(self, value: str, escape: str) -> None:
        pen = ink(escape, self._form)
        known, fresh = self.constant(pen.known), self.constant(pen.fresh)
        piece = self.local("p")
        self.line(f"{piece} = {known}({value}) if {value}.__class__ is str else None")
        self.line(f"if {piece} is None: {piece} = {fresh}(scope, {value})")
        self._print(piece)

    # Tags

    def _node(self, node: Node) -> None:
        self._size += 1
        for kind, write in _NODES:
            if isinstance(node, kind):
                write(self, node)
                return
        raise Uncompilable

    def _block(self, node: BlockNode) -> None:
        muted, self._muted = self._muted, self._muted or node.blank
        for child in node.nodes:
            self._node(child)
        self._muted = muted

    @contextmanager
    def _indented(self, head: str) -> Iterator[None]:
        self.line(head)
        before, self.depth = len(self.lines), self.depth + 1
        yield
        self.flush()
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1

    def _if(self, node: Any) -> None:
        conditions = [node.condition, *(each.expression for each in node.alternatives)]
        blocks = [node.consequence, *(each.block for each in node.alternatives)]
        if len(blocks) > _MAX_BRANCHES:
            raise Uncompilable
        tests = [self.test(condition) for condition in conditions]
        if isinstance(node, UnlessNode):
            tests[0] = f"not {tests[0]}"
        self.flush()
        for number, (test, block) in enumerate(zip(tests, blocks, strict=True)):
            with self._indented(f"{'elif' if number else 'if'} {test}:"):
                self._block(block)
        if node.default:
            with self._indented("else:"):
                self._block(node.default)

    def _case(self, node: Any) -> None:
        self.flush()
        otherwise = self.local()
        self.line(f"{otherwise} = True")
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                self._when(block, otherwise)
            else:
                with self._indented(f"if {otherwise}:"):
                    self._block(block)

    def _when(self, node: Any, otherwise: str) -> None:
        """A block is printed once for each of its values that is met."""
        left, values = node.expression.left, node.expression.expressions
        tests = [self.equals(left, value) for value in values]
        if len(tests) == 1:
            with self._indented(f"if {tests[0]}:"):
                self.line(f"{otherwise} = False")
                self._block(node.block)
            return
        breakable, self._breakable = self._breakable, False
        with self._indented(f"for {self.local()} in range(({', '.join(tests)}).count(True)):"):
            self.line(f"{otherwise} = False")
            self._block(node.block)
        self._breakable = breakable

    def _for(self, node: Any) -> None:
        if len(self._loops) == _MAX_LOOPS:
            raise Uncompilable
        found = self._found(node.expression)
        self.flush()
        items = self.local()
        self.line(f"{items} = {found}")
        with self._indented(f"if {items}:"):
            self._turns(node, items)
        if node.default:
            with self._indented("else:"):
                self._block(node.default)

    def _found(self, loop: Any) -> str:
        iterable = loop.iterable
        if isinstance(iterable, RangeLiteral):
            ends = f"{self.value(iterable.start)}, {self.value(iterable.stop)}"
            found = f"span({self.constant(iterable)}, {ends})"
        else:
            found = f"items({self.value(iterable)})"
        if not (loop.limit or loop.offset or loop.reversed or self._resumes):
            return found
        limit = f"whole({self.value(loop.limit)})" if loop.limit else "None"
        offset = f"whole({self.value(loop.offset)})" if loop.offset else "None"
        if _resumes(loop):
            offset = self.constant("continue")
        return f"window({self.constant(loop)}, scope, {found}, {limit}, {offset})"

    def _turns(self, node: Any, items: str) -> None:
        names = {"forloop": self.local("f"), node.expression.identifier: self.local()}
        loop, outer = _Loop(self.local("n"), names), self._loops[-1] if self._loops else None
        begin = len(self.lines)
        self.line("")
        is_weighed = not outer and not self._captures
        if is_weighed:
            self.line("start = len(out)")
        head = len(self.lines)
        state = self._size, self._breakable
        self._size, self._breakable = 1, True
        self._loops += (loop,)
        with self._indented(""):
            self._block(node.block)
        self._loops = self._loops[:-1]
        indent, outside = " " * self.depth, outer.turns if outer else 1
        cost = f"begin(scope, {items}, {outside}, {self._size})"
        self.lines[begin] = f"{indent}{loop.turns} = {cost}"
        self.lines[head] = indent + self._head(node.expression, loop, outer, items)
        self._size, self._breakable = state
        if is_weighed:
            self.line("weigh(scope, out[start:])")

    def _head(self, expression: Any, loop: _Loop, outer: _Loop | None, items: str) -> str:
        each, helper = loop.names[expression.identifier], loop.names["forloop"]
        if helper not in self._used:
            return f"for {each} in {items}:"
        name = self.constant(f"{expression.identifier}-{expression.iterable}")
        parent = outer.names["forloop"] if outer else "MISSING"
        arguments = f"{name}, iter({items}), len({items}), {parent}"
        return f"for {each} in ({helper} := ForLoop({arguments})):"

    def _jump(self, word: str) -> None:
        if not self._breakable:
            raise Uncompilable
        self.flush()
        self.line(word)

    def _assign(self, node: Any) -> None:
        expression = node.expression
        value = self.filtered(expression.left, expression.filters or ())
        self.line(f"scope.assign({self.constant(str(node.name))}, {value})")

    def _capture(self, node: Any) -> None:
        self.flush()
        outside = self.local()
        self.line(f"{outside} = out; out = []")
        state = self._form, self._breakable, self._captures, self._muted
        self._form, self._breakable, self._captures, self._muted = TEXT, False, True, False
        self._block(node.block)
        self.flush()
        self._form, self._breakable, self._captures, self._muted = state
        self.line(f"capture(scope, {self.constant(str(node.name))}, out); out = {outside}")


def _resumes(loop: Any) -> bool:
    """Whether a loop goes on where another one of its name has stopped."""
    return isinstance(loop.offset, StringLiteral) and loop.offset.value == "continue"


def _nothing(_writer: _Writer[Any], _node: Node) -> None:
    pass


_NODES: list[tuple[type[Node], Callable[[_Writer[Any], Any], None]]] = [
    (ContentNode, _Writer._content),
    (OutputNode, _Writer._output),
    (IfNode, _Writer._if),
    (UnlessNode, _Writer._if),
    (ForNode, _Writer._for),
    (CaseNode, _Writer._case),
    (AssignNode, _Writer._assign),
    (CaptureNode, _Writer._capture),
    (CommentNode, _nothing),
    (BreakNode, lambda writer, _: writer._jump("break")),
    (ContinueNode, lambda writer, _: writer._jump("continue")),
]
