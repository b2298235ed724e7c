"""What the columns of a file mean: known names are recognised, the rest become custom fields."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from emailseq.lib import addresses, clock
from emailseq.lib.errors import Invalid, Problem
from emailseq.lib.text import storable_json
from subscribers import fields
from subscribers.imports import statuses
from subscribers.models import CustomField
from subscribers.models.subscriber import MAX_NAME
from subscribers.services.fields import RESERVED
from subscribers.states import FieldKind

_KNOWN = {
    "email": "email e_mail mail email_address e_mail_address mail_address mailadresse"
    " emailadresse e_mail_adresse adresse_e_mail courriel correo correo_electronico",
    "first_name": "first_name firstname first given_name fname vorname prenom nombre imie",
    "last_name": "last_name lastname last surname family_name lname nachname familienname"
    " nom nom_de_famille apellido apellidos nazwisko",
    "time_zone": "time_zone timezone tz zeitzone fuseau_horaire zona_horaria",
}
_MEANINGS = {name: meaning for meaning, names in _KNOWN.items() for name in names.split()}
# What a column may hold besides; nobody's file is taken to mean it, but by a preset or by hand.
_SPECIAL = ("name", "fields", "status")
TARGETS = (*_KNOWN, *_SPECIAL)
CUSTOM = "fields."  # before the key of a custom field
_KEY = re.compile(r"[a-z][a-z0-9_]{0,49}")
_OF_ERROR_FILES = ("import_line", "import_error")
_WRONG = {
    FieldKind.TEXT: "is not text",
    FieldKind.NUMBER: "is not a number such as 1234.5",
    FieldKind.BOOLEAN: "is neither yes nor no",
    FieldKind.DATE: "is not a date such as 2024-12-31",
    FieldKind.DATETIME: "is not an instant such as 2024-12-31T18:00:00+01:00",
    FieldKind.CHOICE: "is not one of its choices",
}


class Column(NamedTuple):
    """Where the cells of a column go: an attribute (no kind), a custom field, or nowhere (no key).

    `declared` is False for a field that nobody has declared; it is kept as text all the same.
    """

    name: str
    key: str
    kind: str
    declared: bool
    choices: tuple[str, ...] = ()
    fields: Mapping[str, CustomField] = MappingProxyType({})  # of a column of free JSON


class Person(NamedTuple):
    """What a row says about somebody; empty text says nothing. `fields` is JSON."""

    email: str
    address_key: str
    first_name: str
    last_name: str
    time_zone: str
    fields: str

    def merged(self, later: Person) -> Person:
        """What the two rows say together; where both speak, the later one holds."""
        both = {**json.loads(self.fields), **json.loads(later.fields)}
        return Person(
            self.email,
            self.address_key,
            later.first_name or self.first_name,
            later.last_name or self.last_name,
            later.time_zone or self.time_zone,
            json.dumps(both),
        )


class Barred(Exception):
    """A row tells of somebody who must not be sent to, by its status elsewhere."""

    def __init__(self, reason: str, address_key: str) -> None:
        super().__init__(reason)
        self.reason, self.address_key = reason, address_key


def columns_of(header: Sequence[str], *, declared: Iterable[CustomField]) -> list[Column]:
    """What each column is for. Raises Invalid without an address or when two mean the same."""
    columns = guessed(header, declared=declared)
    if "email" not in [column.key for column in columns]:
        names = ", ".join(name.strip() for name in header)
        detail = f"No column is called email. The first line reads: {names[:200]}"
        raise Invalid.field("file", "no_address", detail)
    if fault := _twice(columns, "rename or remove all but one."):
        raise Invalid.field("file", "ambiguous", fault)
    return columns


def guessed(header: Sequence[str], *, declared: Iterable[CustomField]) -> list[Column]:
    """What each column is for, by its name."""
    known = {field.key: field for field in declared}
    known = {key_of(field.label): field for field in known.values()} | known
    return [_column(number, name, known) for number, name in enumerate(header, 1)]


def chosen(
    header: Sequence[str], targets: Sequence[str], *, declared: Iterable[CustomField]
) -> list[Column]:
    """What each column is for, as somebody has said: a target each, "" for what is left out.

    Raises Invalid: for a target that is none, without an address or when two mean the same.
    """
    known = {field.key: field for field in declared}
    if len(targets) != len(header):
        detail = f"The file has {len(header)} columns; {len(targets)} targets were named."
        raise Invalid.field("targets", "wrong_number", detail)
    columns = [
        _chosen(name.strip(), target, known) for name, target in zip(header, targets, strict=True)
    ]
    faults = [
        Problem(f"/targets/{place}", "unknown", f"“{targets[place][:60]}” is nothing to fill.")
        for place, column in enumerate(columns)
        if column is None
    ]
    if faults:
        raise Invalid(faults)
    found = [column for column in columns if column is not None]
    if "email" not in [column.key for column in found]:
        raise Invalid.field("targets", "no_address", "Say which column holds the address.")
    if fault := _twice(found, "leave out all but one."):
        raise Invalid.field("targets", "ambiguous", fault)
    return found


def target_of(column: Column) -> str:
    """How `chosen` is told of a column."""
    return f"{CUSTOM}{column.key}" if column.kind else column.key


def _twice(columns: Sequence[Column], advice: str) -> str:
    keys = [target_of(column) for column in columns if column.key]
    if not (twice := next((key for key in keys if keys.count(key) > 1), None)):
        return ""
    places = [str(n) for n, column in enumerate(columns, 1) if target_of(column) == twice]
    name = twice.removeprefix(CUSTOM)
    return f"Columns {', '.join(places)} all mean {name}: {advice}"


def _chosen(name: str, target: str, known: dict[str, CustomField]) -> Column | None:
    if target in ("", *TARGETS):
        return Column(name, target, "", declared=True, fields=known if target == "fields" else {})
    key = target.removeprefix(CUSTOM)
    if key == target or not _KEY.fullmatch(key):
        return None
    if field := known.get(key):
        return Column(name, key, field.kind, declared=True, choices=tuple(field.choices))
    return Column(name, key, FieldKind.TEXT, declared=False)


def person_of(cells: Sequence[str], *, columns: Sequence[Column]) -> Person:
    """What a row says. Raises ValueError with a sentence that says why it cannot be taken, and
    Barred for somebody who must not be sent to.
    """
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        raise ValueError(f"The row has {len(cells)} cells, the header {len(columns)}.")
    plain = dict.fromkeys(TARGETS, "")
    custom: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=False):
        text = cell.strip()
        if text and column.kind:
            custom[column.key] = _value(column, text)
        elif text and column.key:
            plain[column.key] = text
    address = addresses.parse(plain.pop("email"))
    name, free, status = plain.pop("name"), plain.pop("fields"), plain.pop("status")
    if status and (reason := statuses.reason_of(status)):
        raise Barred(reason, address.key)
    if name and not (plain["first_name"] or plain["last_name"]):
        plain["first_name"], _, plain["last_name"] = name.partition(" ")
    if free:
        custom = {**_free(free, columns), **custom}
    _check(**plain)
    written = json.dumps(custom)
    if len(written) > fields.MAX_BYTES:
        raise ValueError("The custom fields of the row take more than 64 KB.")
    return Person(*address, **plain, fields=written)


def _column(number: int, name: str, known: dict[str, CustomField]) -> Column:
    key = key_of(name)
    if not name.strip() or key in _OF_ERROR_FILES:
        return Column(name.strip(), "", "", declared=True)
    if meaning := _MEANINGS.get(key):
        return Column(name.strip(), meaning, "", declared=True)
    if field := known.get(key):
        choices = tuple(field.choices)
        return Column(name.strip(), field.key, field.kind, declared=True, choices=choices)
    if not key[:1].isalpha():
        key = f"column_{key or number}"
    return Column(name.strip(), key[:50], FieldKind.TEXT, declared=False)


def key_of(name: str) -> str:
    """`Prénom (Firma)` -> `prenom_firma`"""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def _value(column: Column, text: str) -> Any:
    try:
        return fields.from_text(column.kind, text, choices=column.choices)
    except ValueError as error:
        wrong = _WRONG[FieldKind(column.kind)]
        raise ValueError(f"{column.name}: “{text[:50]}” {wrong}.") from error


def _free(text: str, columns: Sequence[Column]) -> dict[str, Any]:
    """Custom fields as JSON: those that are declared must be of their kind."""
    [column] = [column for column in columns if column.key == "fields" and not column.kind]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{column.name}: “{text[:50]}” is not JSON.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{column.name}: “{text[:50]}” is not an object of JSON.")
    if mixed := sorted(set(found) & set(RESERVED)):
        raise ValueError(f"{column.name}: “{mixed[0]}” is no custom field.")
    if not storable_json(found):
        raise ValueError(f"{column.name} holds NUL, NaN or half of a character.")
    return {key: _fitting(column, key, value) for key, value in found.items() if value is not None}


def _fitting(column: Column, key: str, value: Any) -> Any:
    if (field := column.fields.get(key)) is None:
        return value
    try:
        return fields.fitting(field, value)
    except ValueError as error:
        raise ValueError(f"{column.name}: {key} {_WRONG[FieldKind(field.kind)]}.") from error


def _check(first_name: str, last_name: str, time_zone: str) -> None:
    if len(first_name) > MAX_NAME or len(last_name) > MAX_NAME:
        raise ValueError(f"A name is longer than {MAX_NAME} characters.")
    if time_zone and time_zone not in clock.zones():
        raise ValueError(f"“{time_zone[:50]}” is no time zone such as Europe/Berlin.")
