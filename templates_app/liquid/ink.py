"""How values are printed: escaped for their place, in the form of their part. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

from templates_app.liquid.sandbox import ESCAPES, Missing, Scope

Piece = TypeVar("Piece", bound=str | bytes)

_KEPT, _SHORT = 4_096, 80
# Texts of these are left as they are by the escape, by quoted-printable and by UTF-8.
_is_harmless = re.compile(r"[A-Za-z0-9@,:;/_+-][A-Za-z0-9 @.,:;/_+-]*+(?<! )").fullmatch
_LEAVE_HARMLESS = frozenset({"_html", "_plain"})


class Form(NamedTuple, Generic[Piece]):
    """What the text of a part is made into: `encode` takes any text, `simple` harmless ones."""

    encode: Callable[[str], Piece]
    simple: Callable[[str], Piece]


TEXT: Form[str] = Form(str, str)


class Ink(NamedTuple, Generic[Piece]):
    """Prints values in one kind of place.

    Short texts are remembered: in a mailing most of them come again and again, and looking one up
    takes a tenth of the time. `known` answers for those, `fresh` for all values; only long ones are
    paid for, as no template has room for many short ones outside of loops, and loops pay for all.
    """

    known: Callable[[str], Piece | None]
    fresh: Callable[[Scope, Any], Piece]


@cache
def ink(escape: str, form: Form[Piece]) -> Ink[Piece]:
    """The one ink for an escape and a form."""
    escaped, (encode, simple), nothing = ESCAPES[escape], form, form.encode("")
    leaves_harmless = escape in _LEAVE_HARMLESS
    pieces: dict[str, Piece] = {}
    numbers: dict[float, Piece] = {}  # apart, for 1.0 is 1 and True to a dictionary

    def fresh(scope: Scope, value: Any) -> Piece:  # no method: it runs some times per message
        kind = value.__class__
        if kind is int and leaves_harmless:
            return simple(str(value))
        if value is None or kind is Missing:
            return nothing
        if kind is float and value in numbers:
            return numbers[value]
        if leaves_harmless and (kind is str or kind is float) and _is_harmless(text := str(value)):
            piece = simple(text)
        else:
            piece = encode(escaped(value))
        if len(piece) > _SHORT:
            scope.spend(len(piece))
        elif kind is str and "@" not in value:  # an address comes once
            _keep(pieces, value, piece)
        elif kind is float and value:  # 0.0 has two ways to be written
            _keep(numbers, value, piece)
        return piece

    return Ink(pieces.get, fresh)


def _keep(pieces: dict[Any, Piece], value: object, piece: Piece) -> None:
    if len(pieces) >= _KEPT:
        pieces.clear()
    pieces[value] = piece
