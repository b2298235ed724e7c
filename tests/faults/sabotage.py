"""The product with one of its safeguards taken out, to see that somebody notices.

python -m tests.faults.sabotage no-look celery -A emailseq worker …     a process of it
SABOTAGE=no-look pytest -p tests.faults.sabotage delivery/tests/…       its tests
"""

from __future__ import annotations

import asyncio
import os
import re
import runpy
import sys
from datetime import timedelta
from typing import Any

import django
import pytest
from django.db import connection

from emailseq.lib import clock, sql

# name: the statements that change, what is taken out of them, and what takes its place.
REMOVALS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "no-wire-mark": (
        ("mark",),
        r"(?s)UPDATE delivery_outbox.*",
        "SELECT id FROM delivery_outbox WHERE id = ANY(%(ids)s)"
        " AND lease_token = %(token)s AND %(transport_id)s > 0",
    ),
    "no-token": (
        ("finish", "put_back", "doubt"),
        r"AND (\w+\.)?lease_token = %\(token\)s",
        "AND %(token)s::uuid IS NOT NULL",
    ),
    "no-look": (("look",), r"(?s)CASE\s+WHEN message\.cancelled_at.*?END AS stop", "NULL AS stop"),
    "no-horizon": (("read_events",), r"AND xid < horizon\.xid", ""),
}
UNIQUE_KEY = "no-unique-key"
LATER = 20  # seconds, by which "late-settling" writes down what became of messages


def commit(name: str) -> None:
    """Do it to this process. Raises LookupError where there is nothing left to take out."""
    if name in REMOVALS:
        _rewrite(*REMOVALS[name])
    elif name == UNIQUE_KEY:
        return  # it is in the database: see below
    elif name == "late-settling":
        _settle_late()
    elif name.startswith("clock"):
        _shift_clock(timedelta(seconds=int(name.removeprefix("clock"))))
    else:
        raise LookupError(name)


def _rewrite(names: tuple[str, ...], pattern: str, instead: str) -> None:
    load = sql.load
    rewritten = {}
    for app in ("delivery", "subscribers"):
        for name in names:
            try:
                text, count = re.subn(pattern, instead, load(app, name))
            except FileNotFoundError:
                continue
            if not count:
                raise LookupError(f"{name}.sql has no {pattern}")
            rewritten[app, name] = text
    if not rewritten:
        raise LookupError(names)
    sql.load = lambda app, name: rewritten.get((app, name)) or load(app, name)  # type: ignore[assignment]


def _settle_late() -> None:
    from delivery.engine import _Pump

    settle, pending = _Pump._settle, set[asyncio.Task[None]]()

    async def later(self: Any, settlement: Any) -> None:
        await asyncio.sleep(LATER)
        await settle(self, settlement)

    async def at_once(self: Any, settlement: Any) -> None:
        pending.add(asyncio.create_task(later(self, settlement)))

    _Pump._settle = at_once  # type: ignore[method-assign]


def _shift_clock(shift: timedelta) -> None:
    now = clock.now
    clock.now = lambda: now() + shift


def pytest_configure() -> None:
    """As a plugin: after the settings are known, before any test is imported."""
    if name := os.environ.get("SABOTAGE"):
        commit(name)


@pytest.fixture(autouse=True)
def _without_the_key(request: pytest.FixtureRequest) -> None:
    if os.environ.get("SABOTAGE") == UNIQUE_KEY:
        request.getfixturevalue("transactional_db")
        key = "DROP CONSTRAINT IF EXISTS a_message_is_queued_once"
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE delivery_outbox {key}")


def main() -> None:
    name, module, *argv = sys.argv[1:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "emailseq.settings")
    django.setup()
    commit(name)
    sys.argv = [module, *argv]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
