from __future__ import annotations

import pytest
from django.db import connection


@pytest.fixture
def empty_books(transactional_db):
    """The log and the ledger are made by SQL, so what clears the other tables passes them over."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE subscribers_event, delivery_ledger")
