"""The horizon of the event log is one for the whole server: it waits for other test workers too."""

from __future__ import annotations

import time

from django.db import connection

ELSEWHERE = """
SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE datname <> current_database()
                  AND backend_xid::text::bigint <= (SELECT max(xid) FROM subscribers_event))
"""


def wait_until_clear(*, seconds: float = 10) -> None:
    """Until no transaction in another database is older than the events of this one."""
    deadline = time.monotonic() + seconds
    while _is_somebody_older() and time.monotonic() < deadline:
        time.sleep(0.02)


def _is_somebody_older() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(ELSEWHERE)
        return bool(cursor.fetchone()[0])
