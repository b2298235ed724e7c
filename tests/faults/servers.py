"""One PostgreSQL and one Valkey per run, durable ones; every experiment gets a new database.

The servers that all other tests share are without fsync; faults are about what was synced.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote, urlsplit

import dj_database_url
import psycopg
import redis
from django.core.management import call_command
from django.db import connection

from emailseq import embedded
from emailseq.embedded.place import Place

TEMPLATE = "emailseq"  # migrated once, then only copied


class Servers:
    """Where they are, for the processes of the product and for whoever breaks them."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._url, self.redis_url = urlsplit(database_url), redis_url
        self.valkey = redis.Redis.from_url(redis_url)
        self.folder = Path(unquote(self._url.hostname or ""))
        self._copies = 0

    @property
    def sockets(self) -> tuple[Path, Path]:
        """The Unix sockets of PostgreSQL and of Valkey."""
        kwargs = self.valkey.connection_pool.connection_kwargs
        return self.folder / ".s.PGSQL.5432", Path(kwargs["path"])

    def url_of(self, database: str, *, port: int | None = None) -> str:
        """A database behind the socket, or behind a proxy's port."""
        host = f"127.0.0.1:{port}" if port else self._url.netloc.rpartition("@")[2]
        return f"postgres://postgres@{host}/{database}"

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run something as the superuser, outside all databases of ours."""
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as session:
            found = session.execute(statement, parameters or None)  # type: ignore[call-overload]
            return found.fetchall() if found.description else []

    @contextmanager
    def copy(self, *, tablespace: str = "pg_default") -> Iterator[str]:
        """The name of a new database, migrated and empty; `connection` leads there meanwhile."""
        self._copies += 1
        name = f"experiment_{self._copies}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} TABLESPACE {tablespace}")
        self.valkey.flushall()
        try:
            with connected_to(self.url_of(name)):
                yield name
        finally:
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running(folder: Path) -> Iterator[Servers]:
    home = Place.of(folder, durable=True).home
    try:
        with (
            mock.patch.dict(os.environ, DATABASE_URL="", REDIS_URL=""),
            embedded.servers(folder, durable=True) as urls,
        ):
            with connected_to(urls["DATABASE_URL"]):
                call_command("migrate", verbosity=0)
            yield Servers(urls["DATABASE_URL"], urls["REDIS_URL"])
    finally:
        shutil.rmtree(home)


@contextmanager
def connected_to(url: str) -> Iterator[None]:
    connection.close()
    with mock.patch.dict(connection.settings_dict, dj_database_url.parse(url)):
        yield
        connection.close()


def current_database() -> str:
    return str(connection.settings_dict["NAME"])
