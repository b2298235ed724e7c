"""JSON that somebody wrote, read member by member: every fault is told, with its pointer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from emailseq.lib.errors import Invalid, Problem
from emailseq.lib.text import storable

MAX_TEXT = 500

Reader = Callable[[Any, str], Any]  # (value, its pointer) -> what it means; raises Invalid


class Object:
    """The members of one JSON object, taken one by one; `close` tells every fault at once."""

    def __init__(self, data: Any, at: str) -> None:
        if not isinstance(data, Mapping):
            raise fault(at, "invalid", "This must be an object.")
        self.left, self.at = dict(data), at
        self.faults: list[Problem] = []
        self._known: list[str] = []

    def take(self, name: str, read: Reader, **default: Any) -> Any:
        """The member as `read` has it, or the `default`, without which it is required.

        None for what is at fault.
        """
        self._known.append(name)
        at = f"{self.at}/{name}"
        if name not in self.left:
            if not default:
                self.faults.append(Problem(at, "required", f"“{name}” is missing."))
            return default.get("default")
        try:
            return read(self.left.pop(name), at)
        except Invalid as error:
            self.faults += error.errors
            return None

    def close(self) -> None:
        """Raise Invalid for every fault of the members, and for those that nobody took."""
        for name in map(str, self.left):
            said = f"“{name:.50}” has no place here." + hint(name, self._known)
            at = f"{self.at}/{name.replace('~', '~0').replace('/', '~1')}"
            self.faults.append(Problem(at, "unknown_field", said))
        if self.faults:
            raise Invalid(self.faults)


def fault(at: str, code: str, detail: str) -> Invalid:
    return Invalid([Problem(at, code, detail)])


def hint(name: str, known: Collection[str]) -> str:
    """` Did you mean “…”?` when `known` has something like the name."""
    close = get_close_matches(name[:50], known, n=1)
    return f" Did you mean “{close[0]}”?" if close else ""


def each(data: Any, at: str, read: Reader) -> tuple[Any, ...]:
    """Every item of a list, which must not be empty, as `read` has it."""
    if not isinstance(data, list) or not data:
        raise fault(at, "invalid", "This must be a list, and not empty.")
    items, faults = [], list[Problem]()
    for place, item in enumerate(data):
        try:
            items.append(read(item, f"{at}/{place}"))
        except Invalid as error:
            faults += error.errors
    if faults:
        raise Invalid(faults)
    return tuple(items)


def word(known: Collection[str]) -> Reader:
    """A reader of one of the words."""

    def read(value: Any, at: str) -> str:
        if isinstance(value, str) and value in known:
            return value
        said = f"This must be one of {', '.join(known)}."
        raise fault(at, "invalid", said + hint(str(value), known))

    return read


def text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value:
        raise fault(at, "invalid", "This must be text, and not empty.")
    if len(value) > MAX_TEXT:
        raise fault(at, "too_long", f"At most {MAX_TEXT} characters.")
    if not storable(value):
        raise fault(at, "invalid_characters", "It holds NUL or half of a character.")
    return value


def whole(value: Any, at: str, *, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise fault(at, "invalid", f"This must be a whole number from 0 to {most:,}.")
    return value
