"""What can go wrong, as the caller should hear it. Doors translate these; verbs raise them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One fault of an input: where (a JSON pointer, RFC 6901), which, and what to do about it."""

    pointer: str
    code: str
    detail: str


class AppError(Exception):
    """A refusal with a stable `code` and a sentence for the person who caused it.

    `members` are what a program may want to know besides, e.g. the id of what exists already.
    """

    code = "error"

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members


class Invalid(AppError):
    """The input is wrong; `errors` names every fault of it."""

    code = "invalid"

    def __init__(self, errors: Sequence[Problem]) -> None:
        super().__init__(" ".join(error.detail for error in errors))
        self.errors = list(errors)

    @classmethod
    def field(cls, name: str, code: str, detail: str) -> Invalid:
        """A single fault, of the member called `name`."""
        return cls([Problem(f"/{name}", code, detail)])


class Conflict(AppError):
    """The request clashes with what is stored, e.g. a slug that is taken."""

    code = "duplicate"


class InUse(Conflict):
    """Something still needs the thing that was to go."""

    code = "in_use"


class StateConflict(Conflict):
    """The state forbids the verb; `allowed` lists the verbs that it does not forbid."""

    code = "state_conflict"

    def __init__(self, detail: str, *, state: str, allowed: Sequence[str]) -> None:
        super().__init__(detail, state=state, allowed=list(allowed))
        self.state = state
        self.allowed = list(allowed)


class Erased(AppError):
    """It was about somebody who was forgotten for good."""

    code = "erased"


class Stale(AppError):
    """Somebody else changed the object after the caller read it."""

    code = "stale"
