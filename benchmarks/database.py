from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.db import connection

from emailseq import env


@contextmanager
def new_database() -> Iterator[dict[str, str]]:
    """A new database on our server, for the duration of the block; DATABASE_URL of it."""
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"emailseq_bench_{os.getpid()}"
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield {"DATABASE_URL": urlsplit(env.require("DATABASE_URL"))._replace(path=name).geturl()}
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)
