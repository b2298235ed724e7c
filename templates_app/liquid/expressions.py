"""Liquid expressions as Python expressions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import count
from typing import Any

from liquid.builtin.expressions import BooleanExpression, Literal, Nil, Path
from liquid.builtin.expressions.arguments import KeywordArgument
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Blank, Empty, StringLiteral

from templates_app.liquid.sandbox import SANDBOX, OrEmpty

_MAX_LINES = 4_000  # a thousand outputs; reading more takes Python too much memory
_MAX_NESTED = 50  # conditions in each other; Python reads 200 parentheses
_COMPUTED = {"size", "first", "last"}  # the library answers these for any value


class Uncompilable(Exception):
    """Rare or too large: the library does it."""


class Expressions:
    """A function under construction, as far as it computes values."""

    def __init__(self, made: Collection[str]) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self.roots: dict[str, str] = {}
        self.depth = 1
        self._made = made
        self._numbers = count()

    def line(self, code: str) -> None:
        if len(self.lines) >= _MAX_LINES:
            raise Uncompilable
        self.lines.append(" " * self.depth + code)

    def local(self, letter: str = "v") -> str:
        """A new variable."""
        return f"{letter}{next(self._numbers)}"

    def constant(self, value: object) -> str:
        """A name for a value that is known by now."""
        name = self.local("c")
        self.constants[name] = value
        return name

    def value(self, expression: Any) -> str:
        """A Python expression for a value; lines that it needs are written."""
        if isinstance(expression, Path):
            return self._path(expression.path)
        if isinstance(expression, Literal):
            return self.constant(expression.value)
        if isinstance(expression, Nil):
            return "None"
        if isinstance(expression, Empty | Blank):
            return self.constant(expression)
        if isinstance(expression, OrEmpty):
            return self._or_empty(expression)
        if type(expression) in _TESTS:
            return self.test(expression)
        raise Uncompilable

    def filtered(self, left: Any, filters: Sequence[Any]) -> str:
        """A variable, or a constant, that holds a value after its filters."""
        value = self.value(left)
        if not filters:
            return value
        result = self.local()
        self.line(f"{result} = {value}")
        for used in filters:
            self._filter(result, used)
        return result

    def test(self, expression: Any, nested: int = 0) -> str:
        """A Python expression that is true where a condition is met."""
        if nested > _MAX_NESTED:
            raise Uncompilable
        if isinstance(expression, BooleanExpression):
            return self.test(expression.expression, nested)
        if word := _WORDS.get(type(expression)):
            left = self.test(expression.left, nested + 1)
            return f"({left} {word} {self.test(expression.right, nested + 1)})"
        if compare := _TESTS.get(type(expression)):
            return compare(self, expression)
        value = self.value(expression)
        return (
            f"({value} is not None and {value} is not False and {value}.__class__ is not Missing)"
        )

    def equals(self, left: Any, right: Any) -> str:
        one, other = self.value(left), self.value(right)
        if isinstance(left, StringLiteral) or isinstance(right, StringLiteral):
            return f"({one} == {other})"  # a text equals nothing but a text
        return f"equal({one}, {other})"

    def _or_empty(self, expression: OrEmpty) -> str:
        value, text = self.value(expression.value), self.local()
        is_absent = f"{value} is None or {value}.__class__ is Missing"
        self.line(f"{text} = {self.constant('')} if {is_absent} else {value}")
        return text

    def name(self, name: str) -> str:
        """What a name stands for. A program for a template with loops knows more of them."""
        root = self.roots.get(name)
        if root is None:
            root = self.roots[name] = self.local("r")
        if name not in self._made:
            return root
        value = self.local()
        self.line(f"{value} = made.get({self.constant(name)}, {root})")
        return value

    def _path(self, path: Sequence[Any]) -> str:
        root, *keys = path
        if not isinstance(root, str) or not all(isinstance(key, str | int) for key in keys):
            raise Uncompilable
        base = self.name(root)
        if not keys:
            return base
        value = self.local()
        if _COMPUTED & set(keys) or any(isinstance(key, int) for key in keys):
            self.line(f"{value} = item({base}, {self.constant(tuple(keys))})")
            return value
        members = "".join(f"[{self.constant(key)}]" for key in keys)
        self.line(f"try: {value} = {base}{members}")
        self.line(f"except ABSENT: {value} = MISSING")
        return value

    def _filter(self, value: str, used: Any) -> None:
        function = self.constant(SANDBOX.paid[used.name])
        arguments = "".join(
            f", **{{{self.constant(argument.name)}: {self.value(argument.value)}}}"
            if _is_keyword(argument)
            else f", {self.value(argument.value)}"
            for argument in sorted(used.args, key=_is_keyword)
        )
        call = f"{value} = {function}(scope, {value}{arguments})"
        if used.name == "default":  # no filter is used more, and most texts are there
            call = f"if {value}.__class__ is not str or not {value}: {call}"
        self.line(call)


def _is_keyword(argument: Any) -> bool:
    return isinstance(argument, KeywordArgument)


def _comparison(function: str, *, swapped: bool = False) -> Callable[[Expressions, Any], str]:
    def write(code: Expressions, expression: Any) -> str:
        left, right = code.value(expression.left), code.value(expression.right)
        if swapped:
            left, right = right, left
        return f"{function}({code.constant(expression.token)}, {left}, {right})"

    return write


_WORDS = {LogicalAndExpression: "and", LogicalOrExpression: "or"}
_TESTS: dict[type, Callable[[Expressions, Any], str]] = {
    EqExpression: lambda code, test: code.equals(test.left, test.right),
    NeExpression: lambda code, test: f"(not {code.equals(test.left, test.right)})",
    LtExpression: _comparison("less"),
    GtExpression: _comparison("less", swapped=True),
    LeExpression: _comparison("at_most"),
    GeExpression: _comparison("at_most", swapped=True),
    ContainsExpression: _comparison("contains"),
}
