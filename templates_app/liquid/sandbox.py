from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from html import escape
from sys import getsizeof
from time import monotonic
from typing import Any
from urllib.parse import quote

from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions.logical import EqExpression, NeExpression
from liquid.builtin.expressions.primitive import Blank, Empty, RangeLiteral, StringLiteral
from liquid.builtin.output import OutputNode as LibraryOutputNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.expression import Expression
from liquid.filter import with_context
from liquid.stringify import to_liquid_string
from liquid.undefined import Undefined
from liquid.utils import ReadOnlyChainMap

from templates_app.liquid.dates import format_date
from templates_app.liquid.source import TemplateError

MAX_RANGE = 1_000
MAX_RESULT = 256 * 1024
MAX_NUMBER = 10**15
MAX_WORK = 4_000_000  # characters that filters make and that are printed, in one rendering
MAX_SECONDS = 0.5  # twice
MAX_MADE = 100_000  # bytes in names, as `getsizeof` counts them
MAX_TURNS = 10_000  # of loops, in all that stand in each other


class Limit(ResourceLimitError):
    """A rendering took more than it may."""

    def __init__(self, what: str) -> None:
        super().__init__(what, token=None)


class Scope:
    """What one rendering may see (plain data), what it made, and what is left of its budget."""

    __slots__ = ("_context", "_is_late", "_made_size", "data", "deadline", "made", "work")

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.made: dict[str, Any] = {}
        self.work = MAX_WORK
        self.deadline = monotonic() + MAX_SECONDS
        self._is_late = False
        self._made_size = 0
        self._context: Context | None = None

    def spend(self, size: int) -> None:
        """Pay for `size` characters. Raises Limit."""
        self.work -= size
        if self.work < 0:
            raise Limit("too much work")

    def charge(self, size: int) -> None:
        """Pay, and look at the clock. Raises Limit."""
        self.work -= size
        if self.work < 0:
            raise Limit("too much work")
        if monotonic() > self.deadline:
            self._come_late()

    def _come_late(self) -> None:
        """The first time is forgiven: perhaps it was the machine that stood still."""
        if self._is_late:
            raise Limit("too much time")
        self._is_late, self.deadline = True, monotonic() + MAX_SECONDS

    def assign(self, name: str, value: Any) -> None:
        """Make a name, or make it anew. Raises Limit when there is too much in names."""
        self._made_size += getsizeof(value, 1) - getsizeof(self.made.get(name), 1)
        self.made[name] = value
        if self._made_size > MAX_MADE:
            raise Limit("too much in variables")

    def forget(self) -> dict[str, Any]:
        """Begin a part: the names that others made are not known there. Returns the new names."""
        self.made.clear()
        self._made_size = 0
        return self.made

    @property
    def context(self) -> Context:
        """The same scope for the library; few renderings need it, and it takes longest to make."""
        if self._context is None:
            self._context = Context(self)
        return self._context


class Context(RenderContext):
    """A scope as the library knows it."""

    __slots__ = ("_owner", "charge", "spend")

    def __init__(self, owner: Scope) -> None:
        super().__init__(_NOTHING, globals=owner.data)
        self._owner = owner
        self.charge, self.spend = owner.charge, owner.spend
        self.locals = owner.made
        self.scope = ReadOnlyChainMap(self.locals, self.globals)  # the library also knows "now"

    def assign(self, key: str, val: Any) -> None:
        self._owner.assign(key, val)


def parse(source: str) -> list[Node]:
    """The nodes of a source that `pieces` has found fit. Raises TemplateError."""
    try:
        nodes = SANDBOX.from_string(source).nodes
    except LiquidError as error:
        token = error.token
        line = line_of(token) if token and token.start_index >= 0 else 0
        raise TemplateError(f"{error.message}.", line=line) from None
    _compare_nothing(nodes, Scope({}).context)
    return nodes


def line_of(token: Any) -> int:
    """The line that a token of the library starts in."""
    return int(token.source.count("\n", 0, token.start_index)) + 1


def reason(error: Exception) -> str:
    """Why a rendering failed, in words of the template alone: never a value of the context."""
    if isinstance(error, TemplateError):
        return str(error)
    if isinstance(error, ResourceLimitError):
        return f"limit: {error.message}"
    token = getattr(error, "token", None)
    near = f" near “{token.value[:60]}”" if token else ""
    return f"{type(error).__name__}{near}"


class Missing(Undefined):
    """Lenient at send: what is not there prints as nothing and compares as nil."""

    def __liquid__(self) -> None:
        return None


class OrEmpty(Expression):
    """What is compared with `blank`, `empty` or `''`: nothing counts as an empty text.

    The library holds that nil is not blank; but what nobody has filled in is.
    """

    __slots__ = ("value",)

    def __init__(self, value: Expression) -> None:
        super().__init__(token=value.token)
        self.value = value

    def evaluate(self, context: RenderContext) -> object:
        value = self.value.evaluate(context)
        return "" if value is None or isinstance(value, Undefined) else value

    def children(self) -> list[Expression]:
        return [self.value]


def _compare_nothing(nodes: Iterable[Node], context: Context) -> None:
    for node in nodes:
        for expression in node.expressions():
            _compare_within(expression)
        _compare_nothing(node.children(context), context)


def _compare_within(expression: Expression) -> None:
    if isinstance(expression, EqExpression | NeExpression):
        if _is_nothing(expression.right):
            expression.left = OrEmpty(expression.left)
        elif _is_nothing(expression.left):
            expression.right = OrEmpty(expression.right)
    for child in expression.children():
        _compare_within(child)


def _is_nothing(expression: Expression) -> bool:
    if isinstance(expression, StringLiteral):
        return expression.value == ""
    return isinstance(expression, Empty | Blank)


# --- Tags: their nodes pay ------------------------------------------------------------------------


class _ContentNode(ContentNode):
    __slots__ = ()

    def render(self, context: Any, buffer: Any) -> int:
        context.spend(len(self.text))
        return int(buffer.write(self.text))


class OutputNode(LibraryOutputNode):
    """`{{ … }}`."""

    __slots__ = ()

    def render(self, context: Any, buffer: Any) -> int:
        context.charge(1)
        return self.render_to_output(context, buffer)


class _ForNode(ForNode):
    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        iterable = self.expression.iterable
        if isinstance(iterable, RangeLiteral):
            items = iterable.evaluate(context)
            if items.stop - items.start > MAX_RANGE:
                raise Limit(f"a range of more than {MAX_RANGE} items")
        return super().render_to_output(context, buffer)


_LIBRARY = Environment()


def _tag(name: str, node_class: Any) -> Any:
    tag = type(_LIBRARY.tags[name])
    return type(tag.__name__, (tag,), {"node_class": node_class})


def _timed(name: str) -> Any:
    """The tag with nodes that look at the clock: loops over nothing take time too."""

    def render(self: Node, context: Any, buffer: Any) -> int:
        context.charge(1)
        return self.render_to_output(context, buffer)

    library_tag: Any = _LIBRARY.tags[name]
    node_class = _ForNode if name == "for" else library_tag.node_class
    return _tag(name, type(node_class.__name__, (node_class,), {"__slots__": (), "render": render}))


_TAGS = (
    *(type(_LIBRARY.tags[name]) for name in ("illegal", "break", "continue")),
    *map(_timed, ("if", "unless", "case", "for", "assign", "capture", "comment")),
    _tag("content", _ContentNode),
    _tag("output", OutputNode),
)

# --- Filters: they pay too ------------------------------------------------------------------------


def _paid(function: Callable[..., Any], price: Callable[..., int] | None) -> Callable[..., Any]:
    """The filter, paying beforehand for what multiplies and afterwards for what it made.

    Every value is small, because whatever made it was weighed; so filters that only read or add up
    need no look at their arguments.
    """

    def paid(scope: Scope | Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        if price and args:
            scope.charge(price(value, *args))
        result = function(value, *args, **kwargs)
        size = len(result) if result.__class__ is str else _weight(result)
        if size > MAX_RESULT:
            raise Limit("a value that is too large")
        scope.charge(size)
        return result

    return paid


def _for_library(paid: Callable[..., Any]) -> Callable[..., Any]:
    @with_context
    def called(value: Any, *args: Any, context: Context, **kwargs: Any) -> Any:
        return paid(context, value, *args, **kwargs)

    return called


def _weight(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if value.__class__ is list:
        try:
            return 16 * len(value) + len("".join(value))  # most are lists of texts
        except TypeError:
            pass
    if isinstance(value, list | tuple):
        return 16 * len(value) + sum(map(_weight, value))
    if isinstance(value, dict):
        return 16 * len(value) + sum(map(_weight, value.values()))
    if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        raise Limit(f"a number above {MAX_NUMBER}")
    return 1


def _default(value: Any, instead: Any = "", *, allow_false: bool = False) -> Any:
    """The library's `default`, in a third of its time: no filter is used more."""
    if value.__class__ is str:
        return value or instead
    if value is False:
        return value if allow_false else instead
    empty = value is None or isinstance(value, Undefined) or value in ([], {}, ())
    return instead if empty else value


def _split(value: Any, separator: Any) -> Any:
    """The library's `split`, for what it is nearly always given."""
    if value.__class__ is str and separator.__class__ is str and separator and value:
        if value == separator:
            return []
        return value.split(separator if separator != " " else None)
    return _LIBRARY.filters["split"](value, separator)


_PRICES: dict[str, Callable[..., int]] = {
    "join": lambda items, glue: len(str(glue)) * len(items) if isinstance(items, list) else 0,
    "replace": lambda text, old, new="": str(text).count(str(old)) * len(str(new)),
}
# Not here, on purpose: escape and url_encode (automatic), safe, base64, strip_html and
# newline_to_br (HTML is written by authors, not by data), uniq (quadratic).
_KEPT = (
    "abs append at_least at_most capitalize ceil compact concat divided_by downcase first floor"
    " join last lstrip map minus modulo plus prepend remove replace reverse round rstrip size slice"
    " sort strip strip_newlines sum times truncate truncatewords upcase where"
)
FILTERS: dict[str, Callable[..., Any]] = {
    **{name: _LIBRARY.filters[name] for name in _KEPT.split()},
    "date": format_date,
    "default": _default,
    "split": _split,
}

# --- Escapes: filters that the compiler puts at the end of every output ---------------------------

_UNSTYLISH = re.compile(r"[^A-Za-z0-9#%., -]")


def _plain(value: Any) -> str:
    return value if value.__class__ is str else to_liquid_string(value, autoescape=False)


def _html(value: Any) -> str:
    return escape(_plain(value))


def _url(value: Any) -> str:
    return quote(_plain(value), safe="")


def _style(value: Any) -> str:
    return _UNSTYLISH.sub("", _plain(value))


def _ready(piece: bytes) -> str:
    """An address that was escaped and encoded when it was made: programs print it as it is."""
    return a2b_qp(piece).decode()


# Authors may not name them: `check` knows FILTERS only.
ESCAPES: dict[str, Callable[..., str]] = {
    "_plain": _plain,
    "_html": _html,
    "_url": _url,
    "_style": _style,
    "_ready": _ready,
}


class _Sandbox(Environment):
    block_nesting_limit = 50
    loop_iteration_limit = MAX_TURNS

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        for tag in _TAGS:
            self.add_tag(tag)
        self.paid: dict[str, Callable[..., Any]] = {}
        for name, function in {**FILTERS, **ESCAPES}.items():
            if getattr(function, "with_environment", False):
                function = partial(function, environment=self)
            self.paid[name] = _paid(function, _PRICES.get(name))
            self.add_filter(name, _for_library(self.paid[name]))


SANDBOX = _Sandbox(undefined=Missing)
_NOTHING = BoundTemplate(SANDBOX, [])
