"""What the columns of a file mean: known names are recognised, the rest become custom fields."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from emailseq.lib import addresses, clock
from emailseq.lib.errors import Invalid
from subscribers import fields
from subscribers.models import CustomField
from subscribers.models.subscriber import MAX_NAME
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
_OF_ERROR_FILES = ("import_line", "import_error")
_WRONG = {
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


def columns_of(header: Sequence[str], *, declared: Iterable[CustomField]) -> list[Column]:
    """What each column is for. Raises Invalid without an address or when two mean the same."""
    known = {field.key: field for field in declared}
    known = {_key(field.label): field for field in known.values()} | known
    columns = [_column(number, name, known) for number, name in enumerate(header, 1)]
    keys = [column.key for column in columns if column.key]
    if "email" not in keys:
        names = ", ".join(name.strip() for name in header)
        detail = f"No column is called email. The first line reads: {names[:200]}"
        raise Invalid.field("file", "no_address", detail)
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        places = [str(n) for n, column in enumerate(columns, 1) if column.key == twice]
        detail = f"Columns {', '.join(places)} all mean {twice}: rename or remove all but one."
        raise Invalid.field("file", "ambiguous", detail)
    return columns


def person_of(cells: Sequence[str], *, columns: Sequence[Column]) -> Person:
    """What a row says. Raises ValueError with a sentence that says why it cannot be taken."""
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        raise ValueError(f"The row has {len(cells)} cells, the header {len(columns)}.")
    plain = dict.fromkeys(_KNOWN, "")
    custom: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=False):
        text = cell.strip()
        if text and column.kind:
            custom[column.key] = _value(column, text)
        elif text and column.key:
            plain[column.key] = text
    address = addresses.parse(plain.pop("email"))
    _check(**plain)
    written = json.dumps(custom)
    if len(written) > fields.MAX_BYTES:
        raise ValueError("The custom fields of the row take more than 64 KB.")
    return Person(*address, **plain, fields=written)


def _column(number: int, name: str, known: dict[str, CustomField]) -> Column:
    key = _key(name)
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


def _key(name: str) -> str:
    """`Prénom (Firma)` -> `prenom_firma`"""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def _value(column: Column, text: str) -> Any:
    try:
        return fields.from_text(column.kind, text, choices=column.choices)
    except ValueError as error:
        wrong = _WRONG[FieldKind(column.kind)]
        raise ValueError(f"{column.name}: “{text[:50]}” {wrong}.") from error


def _check(first_name: str, last_name: str, time_zone: str) -> None:
    if len(first_name) > MAX_NAME or len(last_name) > MAX_NAME:
        raise ValueError(f"A name is longer than {MAX_NAME} characters.")
    if time_zone and time_zone not in clock.zones():
        raise ValueError(f"“{time_zone[:50]}” is no time zone such as Europe/Berlin.")
