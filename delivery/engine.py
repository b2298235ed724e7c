"""The life of a message, from the outbox to the ledger. Read it top to bottom:

    claim -> render -> mark -> look -> hand over -> settle        (a pump)
    reap                                                          (a tick, for pumps that died)

A row of the outbox is due, leased (token), on the wire (wire mark) or in doubt. A kill at any
instant leads back to "due" or to "in doubt", never to a loss or a silent repeat:

- The mark commits before the first byte is written. What a dead pump had not marked did not leave
  and is due again; what it had marked may have left, and is in doubt.
- The look asks, after that commit, everything that may stop a message: an unsubscribe, suppression,
  pause or exit committed before the mark always wins.
- A wire marks nothing more before its last messages are settled, so a crash leaves at most one
  micro-batch a wire in doubt: a second's worth, and never more than MICRO_BATCH.
- Every write asks for the token: a pump that lost its lease changes nothing of its successor's.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import uuid
from collections.abc import Callable, Sequence, Set
from datetime import timedelta
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection as django_connection
from django.db import transaction
from psycopg import AsyncConnection, OperationalError
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from delivery import letters, outcomes
from delivery.letters import Claimed, Letter, Stationery
from delivery.replies import Reply
from delivery.settlement import Settlement
from delivery.states import Outcome
from delivery.transports.smtp import ConnectFailed, Connection, Result, Server, boot_time
from emailseq.lib import clock, sql
from subscribers import events
from subscribers.events import NewEvent
from templates_app import versions
from templates_app.compiler import Compiled
from templates_app.rendering import RenderError

WIRES = 8  # connections to the mail server
MICRO_BATCH = 20  # messages a wire may have under way at once: the bound of doubt
BATCH_SECONDS = 1  # a slow server gets smaller ones, so that less is in doubt and no mark grows old
CLAIM = 400
IDLE_SECONDS = 0.2
MARK_SECONDS = 5  # nothing is written under a wire mark that is older
DATABASE_RETRIES = (0.1, 0.5, 2, 5, 10)

Database = AsyncConnection[Any]
log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """The lease ran out: what this pump held belongs to the reaper now."""


async def pump(server: Server, *, seconds: float, stopping: Callable[[], bool]) -> int:
    """Send what is due for `seconds`, or until `stopping`; returns how many messages were sent.

    Any number of pumps may run, on any number of hosts.
    """
    async with AsyncConnectionPool(
        kwargs=_database_parameters(), min_size=1, max_size=WIRES + 2, open=False
    ) as pool:
        return await _Pump(server, pool).run(seconds=seconds, stopping=stopping)


class _Pump:
    def __init__(self, server: Server, pool: AsyncConnectionPool[Database]) -> None:
        self._server = server
        self._pool = pool
        self._token = uuid.uuid4()
        self._ready: asyncio.Queue[Letter | None] = asyncio.Queue(WIRES * MICRO_BATCH)
        self._stationery: dict[tuple[Any, ...], Stationery] = {}
        self._compiled: dict[int, Compiled] = {}
        self._sent_count = 0

    async def run(self, *, seconds: float, stopping: Callable[[], bool]) -> int:
        await self._take_lease()
        try:
            async with asyncio.TaskGroup() as group:
                renewal = group.create_task(self._renew_lease())
                wires = [group.create_task(self._wire()) for _ in range(WIRES)]
                await self._feed(boot_time() + seconds, stopping)
                await asyncio.wait(wires)
                renewal.cancel()
        except* LeaseLost:
            log.error("lease_lost", token=str(self._token))
        finally:
            await self._give_up_lease()
        return self._sent_count

    # Claim and render

    async def _feed(self, until: float, stopping: Callable[[], bool]) -> None:
        """Keep the wires supplied with letters, then send them home.

        What no wire takes goes back to the outbox with the lease.
        """
        while boot_time() < until and not stopping():
            rows = await self._claim()
            for letter in await self._render(rows):
                if stopping():
                    break
                await self._ready.put(letter)
            if not rows:
                await asyncio.sleep(IDLE_SECONDS)
        while stopping() and not self._ready.empty():
            self._ready.get_nowait()
        await self._ready.put(None)

    async def _take(self, size: int) -> list[Letter]:
        """Letters for a wire: those that are ready, at most `size`; none when it is to go home."""
        letter, taken = await self._ready.get(), list[Letter]()
        while letter is not None:
            taken.append(letter)
            if len(taken) == size or self._ready.empty():
                return taken
            letter = self._ready.get_nowait()
        self._ready.put_nowait(None)  # the other wires go home by it too
        return taken

    async def _claim(self) -> list[Claimed]:
        query = {"token": self._token, "limit": CLAIM, "now": clock.held_at()}
        rows = await self._fetch("claim", query)
        return [Claimed._make(row) for row in rows]

    async def _render(self, rows: Sequence[Claimed]) -> list[Letter]:
        """Rows to letters; those that cannot be rendered have failed, the others go on."""
        version_ids = {row.template_version_id for row in rows} - self._compiled.keys()
        if version_ids:
            self._compiled |= await sync_to_async(_load_versions)(version_ids)
        rendered, failed, now = [], Settlement(), clock.now()
        for row in rows:
            paper = await self._paper(row)
            try:
                version = self._compiled[row.template_version_id]
                rendered.append(letters.write(row, paper, version, now=now))
            except (RenderError, ValueError) as error:
                failed.finish(row.id, Outcome.FAILED, reason=f"render: {error}")
        await self._settle(failed)
        return await asyncio.to_thread(letters.sign, rendered, now=now)

    async def _paper(self, row: Claimed) -> Stationery:
        if row.stationery_key not in self._stationery:
            query = {"sender_id": row.sender_id, "list_id": row.list_id}
            async with (
                self._pool.connection() as database,
                database.cursor(row_factory=dict_row) as cursor,
            ):
                await cursor.execute(sql.load("delivery", "stationery"), query)
                shared = await cursor.fetchone()
            self._stationery[row.stationery_key] = letters.stationery(row, shared or {})
        return self._stationery[row.stationery_key]

    # Mark, look, hand over, settle

    async def _wire(self) -> None:
        """One connection to the mail server: hand over micro-batches until there are no more."""
        connection: Connection | None = None
        failure_count, size = 0, 1
        while batch := await self._take(size):
            try:
                if connection is None or not connection.alive:
                    connection = await Connection.open(self._server)
                failure_count = 0
                rate = await self._deliver(connection, batch)
                size = max(1, min(MICRO_BATCH, int(BATCH_SECONDS * rate)))
            except ConnectFailed as failed:
                failure_count += 1
                await self._not_now(batch, pause=min(30, 2**failure_count), reply=failed.reply)
            except OperationalError as error:  # the rows are leased, and stay so until the reaper
                log.warning("pump_lost_database", error=str(error))
        if connection is not None:
            await connection.aclose()

    async def _deliver(self, connection: Connection, batch: Sequence[Letter]) -> float:
        """See a micro-batch through; returns how many messages a second the wire took."""
        issued, settlement, results = boot_time(), Settlement(), list[Result]()
        passed = await self._gate(batch, settlement)
        began = boot_time()
        try:
            await connection.send(
                [letter.envelope for letter in passed],
                report=results.append,
                write_until=issued + MARK_SECONDS,
            )
        finally:  # also when cancelled: whatever was heard is written down
            seconds = boot_time() - began
            self._judge(results, passed, settlement)
            await asyncio.shield(self._settle(settlement))
        return len(passed) / seconds

    async def _gate(self, batch: Sequence[Letter], settlement: Settlement) -> list[Letter]:
        """Mark, commit, then look. Returns the letters that may leave; the others are settled."""
        ids = [letter.row.id for letter in batch]
        marked = await self._fetch("mark", {"ids": ids, "token": self._token})
        ids = [message_id for (message_id,) in marked]
        looked = await self._fetch("look", {"ids": ids, "token": self._token})
        stops: dict[int, str | None] = dict(looked)
        for message_id, stop in stops.items():
            if stop == "held":
                settlement.put_back(message_id, clock.now(), refund=True)
            elif stop:
                settlement.finish(message_id, Outcome.SKIPPED, reason=stop)
        return [letter for letter in batch if stops.get(letter.row.id, "not ours") is None]

    def _judge(
        self, results: Sequence[Result], passed: Sequence[Letter], settlement: Settlement
    ) -> None:
        attempts = {letter.row.id: letter.row.attempts for letter in passed}
        now = clock.now()
        for result in results:
            jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
            settlement.judge(result, attempts=attempts[result.id], now=now, jitter=jitter)

    async def _settle(self, settlement: Settlement) -> None:
        """Write down what became of messages, in one transaction; a lost database is waited for."""
        for pause in DATABASE_RETRIES:
            try:
                await self._write_down(settlement)
            except OperationalError as error:
                log.warning("settle_retried", error=str(error), message_ids=settlement.ids)
                await asyncio.sleep(pause)
            else:
                return
        await self._write_down(settlement)  # if this fails too, they are in doubt or due again

    async def _write_down(self, settlement: Settlement) -> None:
        async with self._pool.connection() as database, database.transaction():
            news: list[NewEvent] = []
            for name, parameters in settlement.statements():
                query = sql.load("delivery", name)
                cursor = await database.execute(query, {**parameters, "token": self._token})
                news += outcomes.news(await cursor.fetchall(), suppress=settlement.suppress)
            if news:
                await database.execute(events.STATEMENT, events.parameters(news))
        self._sent_count += sum(outcome == Outcome.SENT for _, outcome, *_ in settlement.finished)

    async def _not_now(self, batch: Sequence[Letter], *, pause: float, reply: Reply) -> None:
        """No connection: nobody is to blame. The batch goes back, and this wire waits."""
        log.warning("connect_failed", host=self._server.host, reply=str(reply), pause=pause)
        settlement, run_at = Settlement(), clock.now() + timedelta(seconds=pause)
        for letter in batch:
            settlement.put_back(letter.row.id, run_at, refund=True, reply=str(reply))
        await self._settle(settlement)
        await asyncio.sleep(pause)

    # The lease

    async def _take_lease(self) -> None:
        worker = f"{socket.gethostname()}:{os.getpid()}"
        await self._execute("take_lease", {"worker": worker, "seconds": settings.LEASE_SECONDS})

    async def _renew_lease(self) -> None:
        while True:
            await asyncio.sleep(settings.LEASE_SECONDS / 3)
            if not await self._execute("renew_lease", {"seconds": settings.LEASE_SECONDS}):
                raise LeaseLost

    async def _give_up_lease(self) -> None:
        """Give back what was not marked; the lease stays as long as something is in doubt."""
        await self._execute("give_up_lease", {})

    async def _execute(self, name: str, parameters: dict[str, Any]) -> int:
        async with self._pool.connection() as database:
            cursor = await database.execute(
                sql.load("delivery", name), {**parameters, "token": self._token}
            )
            return cursor.rowcount

    async def _fetch(self, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as database:
            cursor = await database.execute(sql.load("delivery", name), parameters)
            return await cursor.fetchall()


@transaction.atomic
def reap(limit: int = 5000) -> int:
    """Take over from pumps that died, and finish what was cancelled; how many rows it touched.

    Unmarked rows of a lease that ran out are due again, marked ones are in doubt.
    """
    with django_connection.cursor() as cursor:
        cursor.execute(sql.load("delivery", "reap"))
        orphans = cursor.fetchall()
        events.record_many(outcomes.news(orphans))
        cursor.execute(sql.load("delivery", "sweep_cancelled"), {"limit": limit})
        swept = cursor.fetchall()
        events.record_many(outcomes.news(swept))
        cursor.execute(sql.load("delivery", "forget_leases"))
    return len(orphans) + len(swept)


def _load_versions(version_ids: Set[int]) -> dict[int, Compiled]:
    """Compiled templates, read by Django in a thread of its own; the connection ends with it."""
    try:
        return versions.compiled(version_ids)
    finally:
        django_connection.close()


def _database_parameters() -> dict[str, Any]:
    """How Django connects, for connections of our own: each statement its own transaction.

    All statements look rows up by key, whatever the arguments: they are planned once.
    """
    parameters = django_connection.get_connection_params()
    for django_only in ("cursor_factory", "context"):
        parameters.pop(django_only, None)
    options = f"{parameters['options']} -c plan_cache_mode=force_generic_plan"
    return {**parameters, "options": options, "prepare_threshold": 0, "autocommit": True}
