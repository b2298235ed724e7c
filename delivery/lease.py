"""A pump's lease, the token that what it has claimed carries, and its way to the database."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection as django_connection
from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool

from emailseq.lib import sql

RETRIES = (0.1, 0.5, 2, 5, 10)  # seconds between tries, where the database is away

T = TypeVar("T")
R = TypeVar("R")
Database = AsyncConnection[Any]
Pool = AsyncConnectionPool[Database]
log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """The lease ran out: what this pump held belongs to the reaper now."""


class Lease:
    """Held for LEASE_SECONDS from each renewal."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.token = uuid.uuid4()

    async def take(self) -> None:
        worker = f"{socket.gethostname()}:{os.getpid()}"
        await self._execute("take_lease", worker=worker, seconds=settings.LEASE_SECONDS)

    async def renew(self) -> None:
        """Raises LeaseLost, and OperationalError while the database is away."""
        if not await self._execute("renew_lease", seconds=settings.LEASE_SECONDS):
            raise LeaseLost

    async def give_up(self) -> None:
        """Give back what was not marked; the lease stays as long as something is in doubt."""
        for pause in RETRIES:
            try:
                await self._execute("give_up_lease")
            except OperationalError as error:
                log.warning("give_up_retried", error=str(error))
                await asyncio.sleep(pause)
            else:
                return
        # The reaper does it, once the lease has run out.

    async def fetch(self, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows that one of our statements answers."""
        async with self._pool.connection() as database:
            cursor = await database.execute(sql.load("delivery", name), parameters)
            return await cursor.fetchall()

    async def _execute(self, name: str, **parameters: Any) -> int:
        async with self._pool.connection() as database:
            query = {**parameters, "token": self.token}
            cursor = await database.execute(sql.load("delivery", name), query)
            return cursor.rowcount


def pool_of(connections: int) -> Pool:
    """Connections as Django makes them, but each statement is its own transaction.

    All statements look rows up by key, whatever the arguments: they are planned once.
    """
    parameters = django_connection.get_connection_params()
    for django_only in ("cursor_factory", "context"):
        parameters.pop(django_only, None)
    options = f"{parameters['options']} -c plan_cache_mode=force_generic_plan"
    parameters |= {"options": options, "prepare_threshold": 0, "autocommit": True}
    return AsyncConnectionPool(kwargs=parameters, min_size=1, max_size=connections, open=False)


async def in_thread(read: Callable[[T], R], argument: T) -> R:
    """Something read by Django in a thread of its own; the connection ends with it."""

    def run() -> R:
        try:
            return read(argument)
        finally:
            django_connection.close()

    return await sync_to_async(run)()
