from __future__ import annotations

import json

import pytest

from emailseq.lib.errors import Invalid
from subscribers.imports.mapping import Person, columns_of, person_of
from subscribers.tests.factories import CustomFieldFactory

AGE = CustomFieldFactory.build(workspace=None, key="age", label="Alter (Jahre)", kind="number")
VIP = CustomFieldFactory.build(workspace=None, key="vip", label="VIP", kind="boolean")
SINCE = CustomFieldFactory.build(workspace=None, key="since", label="Since", kind="date")
DECLARED = [AGE, VIP, SINCE]


def columns(*header):
    return columns_of(header, declared=DECLARED)


def person(header, *cells):
    return person_of(cells, columns=columns(*header.split(",")))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("email", "email"),
        (" E-Mail ", "email"),
        ("EMAIL ADDRESS", "email"),
        ("\ufeffemail", "email"),
        ("E-Mail-Adresse", "email"),
        ("First Name", "first_name"),
        ("FirstName", "first_name"),
        ("Vorname", "first_name"),
        ("Prénom", "first_name"),
        ("last_name", "last_name"),
        ("Nachname", "last_name"),
        ("Nom de famille", "last_name"),
        ("Time Zone", "time_zone"),
        ("Zeitzone", "time_zone"),
    ],
)
def test_names_of_attributes_are_recognised(name, key):
    column = columns(name, "email" if key != "email" else "city")[0]

    assert (column.key, column.kind, column.declared) == (key, "", True)


@pytest.mark.parametrize(
    ("name", "key", "kind", "declared"),
    [
        ("age", "age", "number", True),
        ("Age", "age", "number", True),
        ("alter jahre", "age", "number", True),
        ("City", "city", "text", False),
        ("Größe (cm)", "groe_cm", "text", False),
        ("2nd order", "column_2nd_order", "text", False),
        ("Город", "column_2", "text", False),
        ("x" * 80, "x" * 50, "text", False),
        ("name", "name", "text", False),
        ("", "", "", True),
        ("  ", "", "", True),
        ("import_line", "", "", True),
        ("import_error", "", "", True),
    ],
)
def test_other_columns_become_fields_or_nothing(name, key, kind, declared):
    column = columns("email", name)[1]

    assert (column.key, column.kind, column.declared) == (key, kind, declared)


@pytest.mark.parametrize(
    ("header", "code", "detail"),
    [
        (["name", "city"], "no_address", "No column is called email. The first line reads: name"),
        (["email", "E-Mail"], "ambiguous", "Columns 1, 2 all mean email"),
        (["email", "City", "x", "city "], "ambiguous", "Columns 2, 4 all mean city"),
        (["email", "age", "Alter Jahre"], "ambiguous", "Columns 2, 3 all mean age"),
    ],
)  # fmt: skip
def test_a_header_that_means_too_little_or_too_much_is_refused(header, code, detail):
    with pytest.raises(Invalid, match=detail) as caught:
        columns(*header)

    assert caught.value.errors[0].code == code


def test_a_row_becomes_a_person():
    found = person(
        "email,first name,last name,tz,age,vip,since,city,",
        " Ada@Straße.de ", " Ada ", "King", "Europe/London", "36", "yes", "1815-12-10", "=1+1", "x",
    )  # fmt: skip

    *plain, fields = found
    assert plain == ["Ada@xn--strae-oqa.de", "ada@xn--strae-oqa.de", "Ada", "King", "Europe/London"]
    assert json.loads(fields) == {
        "age": 36, "vip": True, "since": "1815-12-10", "city": "=1+1",
    }  # fmt: skip


def test_empty_and_missing_cells_say_nothing():
    assert person("email,first name,age,city", "a@example.com", " ", "") == Person(
        "a@example.com", "a@example.com", "", "", "", "{}"
    )


def test_empty_cells_behind_the_last_column_do_no_harm():
    assert person("email", "a@example.com", "", "").email == "a@example.com"


@pytest.mark.parametrize(
    ("header", "cells", "reason"),
    [
        ("email", ["nobody"], "must have an @-sign"),
        ("email", [""], "must have an @-sign"),
        ("email,city", ["a@example.com", "b", "c", ""], "The row has 4 cells, the header 2."),
        ("email,age", ["a@example.com", "old"], "age: “old” is not a number such as 1234.5."),
        ("email,VIP", ["a@example.com", "maybe"], "VIP: “maybe” is neither yes nor no."),
        ("email,since", ["a@example.com", "31.12.99"], "“31.12.99” is not a date such as 2024"),
        ("email,vorname", ["a@example.com", "x" * 101], "A name is longer than 100 characters."),
        ("email,tz", ["a@example.com", "Mars"], "“Mars” is no time zone such as Europe/Berlin."),
        ("email,note", ["a@example.com", "ü" * 11_000], "take more than 64 KB"),
    ],
)
def test_a_row_that_cannot_be_taken_says_why(header, cells, reason):
    with pytest.raises(ValueError, match=reason):
        person(header, *cells)


def test_two_rows_of_one_person_speak_together_and_the_later_one_holds():
    one = Person("A@x.com", "a@x.com", "Ada", "King", "", '{"city": "Rome", "age": 1}')
    two = Person("a@x.com", "a@x.com", "", "Lovelace", "UTC", '{"city": "Bern"}')

    assert one.merged(two) == Person(
        "A@x.com", "a@x.com", "Ada", "Lovelace", "UTC", '{"city": "Bern", "age": 1}'
    )
