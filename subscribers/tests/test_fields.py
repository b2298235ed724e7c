from __future__ import annotations

import pytest

from emailseq.lib.errors import Invalid
from subscribers import fields
from subscribers.tests.factories import CustomFieldFactory, WorkspaceFactory


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "=1+1", "=1+1"),
        ("number", "42", 42),
        ("number", "-3", -3),
        ("number", "+1.50", 1.5),
        ("number", ".5", 0.5),
        ("number", "1,5", 1.5),
        ("number", "1,0000", 1),
        ("boolean", "Yes", True),
        ("boolean", "1", True),
        ("boolean", "FALSE", False),
        ("boolean", "n", False),
        ("date", "2024-02-29", "2024-02-29"),
        ("date", "20240229", "2024-02-29"),
    ],
)
def test_a_cell_becomes_a_value_of_its_kind(kind, text, value):
    assert fields.from_text(kind, text) == value
    assert type(fields.from_text(kind, text)) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", ""),
        ("number", "nan"),
        ("number", "inf"),
        ("number", "1e400"),
        ("number", "9" * 17),
        ("number", "1,000"),  # a thousand, or one?
        ("number", "1,000.5"),
        ("number", "1_000"),
        ("number", "12 €"),
        ("number", "٣"),
        ("boolean", "maybe"),
        ("boolean", "2"),
        ("date", "2024-02-30"),
        ("date", "01/02/2024"),
        ("date", "31.12.99"),
        ("date", "45292"),
        ("date", "2024-01-01T00:00:00"),
    ],
)
def test_what_could_mean_two_things_or_none_is_refused(kind, text):
    with pytest.raises(ValueError):  # noqa: PT011 - the caller writes the sentence
        fields.from_text(kind, text)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text", "x", 1),
        ("number", 1.5, "1.5"),
        ("number", 0, True),
        ("boolean", False, 0),
        ("date", "2024-02-29", "2024-02-30"),
        ("date", "2024-02-29", 20240229),
    ],
)
def test_declared_fields_hold_values_of_their_kind(kind, good, bad):
    workspace = WorkspaceFactory()
    CustomFieldFactory(workspace=workspace, key="x", label="The X", kind=kind)
    CustomFieldFactory(key="free", kind="number")  # of another workspace

    fields.checked(workspace, {"x": good, "free": [bad]})
    fields.checked(workspace, {"x": None})
    with pytest.raises(Invalid) as caught:
        fields.checked(workspace, {"x": bad, "free": "text"})

    assert [(e.pointer, e.code, e.detail) for e in caught.value.errors] == [
        ("/fields/x", "field_type", f"The X is a {kind}.")
    ]


@pytest.mark.django_db
def test_fields_take_64_kilobytes():
    workspace = WorkspaceFactory()
    room = fields.MAX_BYTES - len('{"a": ""}')

    fields.checked(workspace, {"a": "x" * room})
    with pytest.raises(Invalid, match="at most 64 KB"):
        fields.checked(workspace, {"a": "x" * (room + 1)})
