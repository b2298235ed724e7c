from __future__ import annotations

from datetime import UTC

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emailseq.lib import sql

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
COLUMNS = {
    "text": TEXTS,
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "timestamptz": st.datetimes(timezones=st.just(UTC)),
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", COLUMNS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_packed_arrays_come_out_as_they_went_in(kind, data):
    values = data.draw(st.lists(st.none() | COLUMNS[kind], max_size=20))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %(column)s::{kind}[]", sql.packed({"column": values}))
        assert cursor.fetchone() == (values,)


@pytest.mark.parametrize("name", ["NULL", "null", "{}", "", "a,b", '"', "\\", " x "])
@pytest.mark.django_db
def test_text_that_looks_like_something_else_stays_text(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %(column)s::text[]", sql.packed({"column": [name, name]}))
        assert cursor.fetchone() == ([name, name],)


def test_what_is_not_packed_is_refused():
    with pytest.raises(TypeError, match="not packed of dict"):
        sql.packed({"column": [{}]})
