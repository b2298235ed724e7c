from __future__ import annotations

import json

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emailseq.lib import text
from emailseq.lib.errors import Invalid

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0.5, float("nan"), float("inf")])
    | st.text()
    | st.text("\0\\u0a\ud800", max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    "value",
    [
        "a\0b",
        "\ud800",
        "a\udcff",
        {"a": "\0"},
        {"\0": "a"},
        {"a": ["\ud800"]},
        ["\\\0"],
        [float("nan")],
        [float("-inf")],
    ],
)
def test_what_the_database_cannot_hold_is_refused(value):
    with pytest.raises(Invalid) as caught:
        text.check(fine="ok", name=value)

    assert [(error.pointer, error.code) for error in caught.value.errors] == [
        ("/name", "invalid_characters")
    ]


@pytest.mark.parametrize(
    "value", ["", "Zoë", "𝒳", "\ufffe", "\r\n\t", "\\u0000", {"a": "\\u0000"}, {"a": [None, 1.5]}]
)
def test_everything_else_passes(value):
    text.check(name=value)


@pytest.mark.django_db
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(JSON)
def test_what_passes_is_what_jsonb_takes(value):
    try:
        text.check(value=[value])
    except Invalid:
        return

    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps([value])])
        assert json.loads(cursor.fetchone()[0]) == [value]
