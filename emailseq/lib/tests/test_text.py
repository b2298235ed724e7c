from __future__ import annotations

import json

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emailseq.lib import text
from emailseq.lib.errors import Invalid

ODD = st.text("\0\\u0aé\ud800", max_size=12)


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
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(ODD, ODD)
def test_what_passes_is_what_jsonb_takes(key, value):
    stored = {key: [value, None, 0.5]}
    try:
        text.check(value=stored)
    except Invalid:
        return

    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(stored)])
        assert json.loads(cursor.fetchone()[0]) == stored
