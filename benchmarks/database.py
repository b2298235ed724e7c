from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from django.db import connection
from psycopg.sql import SQL, Identifier

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


@contextmanager
def copy_of(urls: dict[str, str]) -> Iterator[dict[str, str]]:
    """Another database, which is as that one is now, and to which nobody is connected."""
    url = urlsplit(urls["DATABASE_URL"])
    name = f"{url.path.lstrip('/')}_copy"
    connection.close()
    with psycopg.connect(env.require("DATABASE_URL"), autocommit=True) as server:
        original = Identifier(url.path.lstrip("/"))
        server.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), original))
        try:
            yield {"DATABASE_URL": url._replace(path=name).geturl()}
        finally:
            server.execute(SQL("DROP DATABASE {}").format(Identifier(name)))
