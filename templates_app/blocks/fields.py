"""The kinds of values that blocks have: what is wrong with one, and its JSON schema. Pure."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any

from emailseq.lib.errors import Problem
from templates_app import liquid
from templates_app.liquid import TemplateError

_WEB = re.compile(r"https?://[\w.:\[\]-]+(?:[/?#]|\Z)", re.IGNORECASE)
_OTHER = re.compile(r"(?:mailto:|tel:|sms:)\S|#|\{\{-?\s*links\.\w+\s*-?\}\}\Z", re.IGNORECASE)
_PATH = re.compile(r"[a-z]\w*(?:\.\w+)+", re.ASCII)
_NAME = re.compile(r"[-\w]{1,50}", re.ASCII)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

Json = dict[str, Any]


@dataclass(frozen=True)
class Field(ABC):
    """One member of a block; `default` is what an absent one means."""

    _: KW_ONLY
    required: bool = False
    default: Any = None

    @abstractmethod
    def faults(self, value: Any, at: str) -> Iterator[Problem]:
        """What is wrong with `value`, which stands `at` this pointer."""

    @abstractmethod
    def schema(self) -> Json:
        """Its JSON schema."""


@dataclass(frozen=True)
class Words(Field):
    """Text with Liquid: a line, or some in Markdown, or a `code` of its own."""

    default: str = ""
    max: int = 500
    lines: bool = False
    code: bool = False

    def faults(self, value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(at, "invalid_type", "Write a text here.")
        elif self.required and not value.strip():
            yield Problem(at, "required", "Write something here, or delete the block.")
        elif len(value) > self.max:
            yield Problem(at, "too_long", f"This is longer than {self.max} characters.")
        elif not self.lines and len(value.splitlines()) > 1:
            yield Problem(at, "too_long", "This is a single line.")
        else:
            yield from _liquid(value, at)

    def schema(self) -> Json:
        return {"type": "string", "maxLength": self.max}


@dataclass(frozen=True)
class Address(Field):
    """Where a link leads or an image lies: scheme and host written out, Liquid behind them."""

    default: str = ""
    max: int = 2000
    on_web: bool = False  # a page or file on the web, and nothing else

    def faults(self, value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(at, "invalid_type", "Write an address here.")
        elif not value.strip():
            if self.required:
                yield Problem(at, "required", "Say where it leads, such as https://example.com/.")
        elif len(value) > self.max:
            yield Problem(at, "too_long", f"This address is longer than {self.max} characters.")
        elif not (_WEB.match(value) or (not self.on_web and _OTHER.match(value))):
            detail = f"“{value[:60]}” is no address: write it out, such as https://example.com/."
            yield Problem(at, "invalid_address", detail)
        else:
            yield from _liquid(value, at)

    def schema(self) -> Json:
        return {"type": "string", "maxLength": self.max}


@dataclass(frozen=True)
class Choice(Field):
    values: Collection[Any] = ()

    def faults(self, value: Any, at: str) -> Iterator[Problem]:
        if isinstance(value, bool) or value not in tuple(self.values):
            listed = ", ".join(str(each) for each in self.values)
            yield Problem(at, "invalid_choice", f"Choose one of: {listed}.")

    def schema(self) -> Json:
        return {"enum": list(self.values)}


@dataclass(frozen=True)
class Whole(Field):
    min: int = 0
    max: int = 600

    def faults(self, value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield Problem(at, "invalid_type", "Write a whole number here.")
        elif not self.min <= value <= self.max:
            yield Problem(at, "out_of_range", f"Write a number from {self.min} to {self.max}.")

    def schema(self) -> Json:
        return {"type": "integer", "minimum": self.min, "maximum": self.max}


@dataclass(frozen=True)
class Flag(Field):
    default: bool = False

    def faults(self, value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, bool):
            yield Problem(at, "invalid_type", "This is either true or false.")

    def schema(self) -> Json:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Pattern(Field):
    """A short text of one form; `hint` says of which."""

    default: str = ""
    form: re.Pattern[str] = _NAME
    hint: str = ""

    def faults(self, value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str) or not (self.form.fullmatch(value) or self._may_lack(value)):
            yield Problem(at, "invalid", self.hint)

    def _may_lack(self, value: str) -> bool:
        return not value and not self.required

    def schema(self) -> Json:
        return {"type": "string", "pattern": f"^(?:{self.form.pattern})$"}


@dataclass(frozen=True)
class Condition(Field):
    """What `{% if %}` takes."""

    def faults(self, value: Any, at: str) -> Iterator[Problem]:
        if value is None:
            return
        if not isinstance(value, str) or len(value) > 500 or "%}" in value:
            yield Problem(at, "invalid", "Write a condition, such as subscriber.first_name != ''.")
        elif value.strip():
            yield from _liquid(f"{{% if {value} %}}{{% endif %}}", at)

    def schema(self) -> Json:
        return {"type": ["string", "null"], "maxLength": 500}


@dataclass(frozen=True)
class Some(Field):
    """Several of one thing: texts, or objects with `members`."""

    each: Field | None = None
    members: dict[str, Field] | None = None
    max: int = 30

    def faults(self, value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, list) or len(value) > self.max:
            yield Problem(at, "invalid_type", f"This is a list of at most {self.max}.")
            return
        if self.required and not value:
            yield Problem(at, "required", "Put at least one into this list.")
        for number, item in enumerate(value):
            if self.each:
                yield from self.each.faults(item, f"{at}/{number}")
            else:
                yield from faults_of(item, self.members or {}, f"{at}/{number}")

    def schema(self) -> Json:
        items = self.each.schema() if self.each else schema_of(self.members or {})
        return {"type": "array", "maxItems": self.max, "items": items}


def path(*, required: bool = False) -> Pattern:
    return Pattern(required=required, form=_PATH, hint="Name a list, such as data.items.")


def name(*, required: bool = False, hint: str) -> Pattern:
    return Pattern(required=required, form=_NAME, hint=hint)


def colour() -> Pattern:
    return Pattern(form=_COLOUR, hint="Write a colour as six digits, such as #2457d6.")


def faults_of(value: Any, members: dict[str, Field], at: str) -> Iterator[Problem]:
    """What is wrong with an object of these members."""
    if not isinstance(value, dict):
        yield Problem(at, "invalid_type", "This is an object.")
        return
    for unknown in sorted(str(each) for each in value.keys() - members.keys()):
        listed = ", ".join(members)
        detail = f"There is no “{unknown[:50]}” here; there are: {listed}."
        yield Problem(f"{at}/{escaped(unknown[:50])}", "unknown", detail)
    for key, field in members.items():
        if key in value:
            yield from field.faults(value[key], f"{at}/{key}")
        elif field.required:
            yield Problem(f"{at}/{key}", "required", f"“{key}” is missing.")


def schema_of(members: dict[str, Field]) -> Json:
    properties = {key: field.schema() for key, field in members.items()}
    required = [key for key, field in members.items() if field.required]
    made: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": required} if required else made


def escaped(member: str) -> str:
    """A member's name in a JSON pointer (RFC 6901)."""
    return member.replace("~", "~0").replace("/", "~1")


def _liquid(source: str, at: str) -> Iterator[Problem]:
    try:
        liquid.check(source)
    except TemplateError as error:
        yield Problem(at, "template_invalid", str(error))
