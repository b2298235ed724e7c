"""A migrated database, of which every worker gets a copy, and how a copy is emptied again.

Migrations take many seconds, so a dump of what they make is kept for the next run: in `var`, under
a digest of all of them.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection

from accounts.permissions import ROLES
from delivery.services.transports import shared_transport
from emailseq import dumps

DUMPS = Path(settings.BASE_DIR) / "var" / "tests"
TEMPLATE = "emailseq_migrated"
_SETTLED = {'"django_migrations"', '"django_content_type"', '"auth_permission"'}


def make_template() -> str:
    """The name of a new database, migrated; the connection leads nowhere else than before."""
    name, told = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    told["NAME"] = TEMPLATE
    try:
        _make()
    finally:
        told["NAME"] = None
        connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name
    return TEMPLATE


def drop_template() -> None:
    creation: Any = connection.creation
    creation._destroy_test_db(TEMPLATE, 0)


def _make() -> None:
    creation: Any = connection.creation
    dump = DUMPS / f"{_digest()}.dump"
    if dump.is_file():
        connection.settings_dict["NAME"] = creation._create_test_db(0, autoclobber=True)
        dumps.read(dump)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM subscribers_logbase")  # it is another server's
            _measure_the_log(cursor)
    else:
        creation.create_test_db(0, autoclobber=True)
        with suppress(OSError, dumps.DumpError):  # another run was first, or may not write here
            DUMPS.mkdir(parents=True, exist_ok=True)
            for older in DUMPS.glob("*.dump"):
                older.unlink()
            dumps.write(dump)
    connection.close()


def _digest() -> str:
    """Of the migrations, and of whatever brings migrations of its own."""
    root = Path(settings.BASE_DIR)
    digest = hashlib.sha256((root / "requirements-dev.lock").read_bytes())
    for file in sorted(root.glob("*/migrations/*.*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def empty() -> None:
    """Delete what a test has committed, and make again what the migrations had put there.

    Django truncates every table and its indexes instead, and then announces a migration: ten times
    the time. As a replica PostgreSQL asks no trigger and no foreign key.
    """
    with connection.cursor() as cursor:
        names = [f'"{name}"' for name in connection.introspection.table_names(cursor)]
        probes = [f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in names]
        cursor.execute(" UNION ALL ".join(probes))
        full = {name for (name,) in cursor.fetchall()} - _SETTLED
        deletes = "; ".join(f"DELETE FROM {name}" for name in sorted(full))
        cursor.execute(f"SET session_replication_role = replica; {deletes}")
        cursor.execute("SET session_replication_role = DEFAULT")
        _measure_the_log(cursor)
    Group.objects.bulk_create([Group(name=role) for role in ROLES])
    shared_transport()


def _measure_the_log(cursor: Any) -> None:
    cursor.execute(
        "INSERT INTO subscribers_logbase (id, system_identifier, base)"
        " SELECT 1, system_identifier, 0 FROM pg_control_system()"
    )
