"""The life of a message, from the outbox to the ledger. Read it top to bottom:

    claim -> render -> mark -> look -> hand over -> settle        (a pump)
    reap                                          (a tick, for pumps that died: `reaper`)

What is due is claimed for a lane, a transport's way to a group of domains: `claims` says how much
for which, `lanes` how they stand, and `ready` hands it to the wires.

A row of the outbox is due, leased (token), on the wire (wire mark) or in doubt. A kill at any
instant leads back to "due" or to "in doubt", never to a loss or a silent repeat:

- The mark commits before the first byte is written. What a dead pump had not marked did not leave
  and is due again; what it had marked may have left, and is in doubt.
- The look asks, after that commit, everything that may stop a message: an unsubscribe, suppression,
  pause or exit committed before the mark always wins.
- A wire marks nothing more before its last messages are settled, so a crash leaves at most one
  micro-batch a wire in doubt: a second's worth, and never more than MICRO_BATCH. Where the pump's
  journal outlives it, as it does a kill, that is one message a wire.
- Every write asks for the token: a pump that lost its lease changes nothing of its successor's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from psycopg import OperationalError
from psycopg.rows import dict_row

from delivery import carriers, enclosed, letters, outcomes
from delivery.brakes import heard
from delivery.carriers import Carrier
from delivery.claims import Claims
from delivery.journal import Journal
from delivery.lanes import Lanes
from delivery.lease import RETRIES, Lease, LeaseLost, Pool, in_thread, pool_of
from delivery.letters import Claimed, Letter, Stationery
from delivery.ready import Batch, Ready
from delivery.replies import Reply
from delivery.routing import LaneKey
from delivery.safety import Withheld
from delivery.settlement import Settlement
from delivery.states import Failure, Outcome
from delivery.transports.http import HttpConnection
from delivery.transports.smtp import ConnectFailed, Connection, Result, Server, boot_time
from emailseq.lib import clock, sql
from emailseq.lib.localtime import NeverOpen
from emailseq.lib.together import Together
from subscribers import events
from subscribers.events import NewEvent
from subscribers.suppressed import pepper
from templates_app import versions
from templates_app.compiler import Compiled
from templates_app.rendering import RenderError

WIRES = 8  # connections to a mail server, where nobody set a number
MICRO_BATCH = 20  # messages a wire may have under way at once: the bound of doubt
BATCH_SECONDS = 1  # a slow server gets smaller ones, so that less is in doubt and no mark grows old
IDLE_SECONDS = 0.2
HANG_UP_SECONDS = 5  # a wire with nothing to do for so long closes its connection
MARK_SECONDS = 5  # nothing is written under a wire mark that is older
HEAVY_WAIT = timedelta(seconds=1)  # until there may be room for more files

Wire = Connection | HttpConnection
Caps = Mapping[int, tuple[str, datetime]]  # what a source wants of its capped messages, until when
Stop = tuple[str | None, datetime | None]  # why it may not leave, and until when if that ends
NOT_OURS: Stop = "not ours", None
Verdicts = tuple[Caps, Mapping[int, Stop]]
log = structlog.get_logger(__name__)


async def pump(server: Server, *, seconds: float, stopping: Callable[[], bool]) -> int:
    """Send what is due for `seconds`, or until `stopping`; returns how many messages were sent.

    `server` is where the transport leads that all workspaces share. Any number of pumps may run,
    on any number of hosts.
    """
    transports = await in_thread(carriers.load, server)
    async with pool_of(WIRES + 2) as pool:
        return await _Pump(transports, pool).run(seconds=seconds, stopping=stopping)


class _Pump:
    def __init__(self, transports: Iterable[Carrier], pool: Pool) -> None:
        self._pool = pool
        self._lease = Lease(pool)
        self._lanes = Lanes(transports, wires=WIRES)
        self._claims = Claims(self._lanes)
        self._ready = Ready(self._lanes)
        self._entries = {carrier_id: asyncio.Lock() for carrier_id in self._lanes.carriers}
        self._reached: set[int] = set()  # carriers that have let a wire in
        self._stationery: dict[tuple[Any, ...], Stationery] = {}
        self._compiled: dict[int, Compiled] = {}
        self._safety = carriers.safe_mode()
        # What several wires want of the database at once, it does at once.
        self._gates = {
            carrier_id: Together(partial(self._mark_and_look, carrier_id))
            for carrier_id in self._lanes.carriers
        }
        self._written = Together(self._write_down)
        self._lost_database = False
        self._sent_count = 0

    async def run(self, *, seconds: float, stopping: Callable[[], bool]) -> int:
        await self._lease.take()
        self._journal, settled = Journal(settings.WIRES_DIR, self._lease.token), False
        try:
            async with asyncio.TaskGroup() as group:
                renewal = group.create_task(self._keep_lease())
                wires = [
                    group.create_task(self._wire(carrier, number))
                    for carrier in self._lanes.carriers.values()
                    for number in range(WIRES)
                ]
                await self._feed(boot_time() + seconds, stopping)
                await asyncio.wait(wires)
                await self._tell()
                renewal.cancel()
            settled = not self._lost_database
        except* LeaseLost:
            log.error("lease_lost", token=str(self._lease.token))
        finally:
            self._journal.close(settled=settled)
            await self._lease.give_up()
        return self._sent_count

    # Claim and render

    async def _feed(self, until: float, stopping: Callable[[], bool]) -> None:
        """Keep the wires supplied with letters, then send them home.

        What no wire takes goes back to the outbox with the lease. So does everything once the
        database was away: nobody knows what it took of the last statement, and the next pump does.
        """
        while boot_time() < until and not (stopping() or self._lost_database):
            try:
                claimed = await self._claim()
                await self._ready.put(await self._render(claimed))
            except OperationalError as error:
                self._lose_database(error)
            else:
                if not claimed:
                    await self._ready.run_low(patience=IDLE_SECONDS)
        await self._ready.close(at_once=stopping() or self._lost_database)

    def _lose_database(self, error: OperationalError) -> None:
        """This pump ends soon: what is on the wire is settled, all the rest given back."""
        log.warning("pump_lost_database", error=str(error))
        self._lost_database = True

    async def _claim(self) -> list[Claimed]:
        """A fair share of what is due, for lanes that are open."""
        async with self._pool.connection() as database:
            await self._claims.look(database, token=self._lease.token)
            shares = await self._claims.plan(database, ready=len(self._ready))
        back = [letter.row for letter in await self._ready.withdraw()]
        claimed: list[Claimed] = []
        if shares:
            query = {
                **self._claims.places(shares),
                "token": self._lease.token,
                "now": clock.held_at(),
            }
            rows = [Claimed(*row) for row in await self._lease.fetch("claim", query)]
            claimed, misfits = self._claims.assign(shares, rows)
            back += misfits
        await self._put_back(back)
        return claimed

    async def _render(self, rows: Sequence[Claimed]) -> list[Letter]:
        """Rows to letters; those that nobody can or may get are settled, the others go on."""
        version_ids = {row.template_version_id for row in rows} - self._compiled.keys()
        if version_ids:
            self._compiled |= await in_thread(versions.compiled, version_ids)
        told, heavy = await enclosed.read(self._lease.fetch, rows, taken=self._ready.weight)
        rendered, failed, now = [], Settlement(), clock.now()
        for row in rows:
            if row.id in heavy:
                failed.put_back(row.id, now + HEAVY_WAIT, refund=True)
                self._lanes.hear(row.lane, back=1)
                continue
            paper = await self._paper(row)
            try:
                version = self._compiled[row.template_version_id]
                recipient = self._safety.recipient(row.email)
                rendered.append(
                    letters.write(
                        *(row, paper, version),
                        recipient=recipient,
                        now=now,
                        told=told.get(row.id, letters.UNTOLD),
                    )
                )
            except Withheld as error:
                failed.finish(row.id, Outcome.SKIPPED, reason=str(error))
                self._lanes.hear(row.lane, back=1)
            except (RenderError, ValueError) as error:
                reason = f"render: {error}"
                failed.finish(row.id, Outcome.FAILED, reason=reason, failure=Failure.CONTENT)
                self._lanes.hear(row.lane, back=1)
        await self._settle(failed)
        return await asyncio.to_thread(letters.sign, rendered, now=now)

    async def _paper(self, row: Claimed) -> Stationery:
        if row.stationery_key not in self._stationery:
            query = {
                "sender_id": row.sender_id,
                "list_id": row.list_id,
                "kind": row.kind,
                "source_id": row.source_id,
            }
            async with (
                self._pool.connection() as database,
                database.cursor(row_factory=dict_row) as cursor,
            ):
                await cursor.execute(sql.load("delivery", "stationery"), query)
                shared = await cursor.fetchone()
            self._stationery[row.stationery_key] = letters.stationery(row, shared or {})
        return self._stationery[row.stationery_key]

    # Mark, look, hand over, settle

    async def _wire(self, carrier: Carrier, number: int) -> None:
        """One connection at a time to a mail server: hand over what is ready, until all is."""
        while batch := await self._ready.take(carrier, wire=number):
            try:
                connection = await self._connect(carrier)
            except ConnectFailed as failed:
                await self._not_now(batch, failed.reply)
            else:
                await self._use(connection, batch, carrier, number)

    async def _connect(self, carrier: Carrier) -> Wire:
        """A session with the server. Raises ConnectFailed, and has the lanes hear of it.

        Until one has succeeded one wire tries after the other: a server that is down, or that does
        not take our password, is asked once and not eight times.
        """
        if carrier.id in self._reached:
            return await self._open(carrier)
        async with self._entries[carrier.id]:
            return await self._open(carrier)

    async def _open(self, carrier: Carrier) -> Wire:
        whole = self._lanes[LaneKey(carrier.id)]
        if not whole.is_open:
            raise ConnectFailed(Reply(0, "", whole.brakes.reason, "connect"))
        try:
            connection = await carriers.connect(carrier)
        except ConnectFailed as failed:
            log.warning("connect_failed", host=carrier.server.host, reply=str(failed.reply))
            self._reached.discard(carrier.id)
            whole.hear(heard(failed.reply), why=str(failed.reply))
            await self._tell()
            raise
        self._reached.add(carrier.id)
        return connection

    async def _use(self, connection: Wire, first: Batch, carrier: Carrier, number: int) -> None:
        """Hand over micro-batches for as long as the connection serves and there are some."""
        batch: Batch | None = first
        while batch:
            try:
                await self._deliver(connection, batch)
            except OperationalError as error:
                self._lose_database(error)
            finally:
                await self._ready.done(batch)
            if not connection.alive:
                return
            batch = await self._ready.take(carrier, wire=number, patience=HANG_UP_SECONDS)
        await connection.aclose()

    async def _deliver(self, connection: Wire, batch: Batch) -> None:
        """See a micro-batch through, and let its lane hear how it went."""
        issued, settlement, results = boot_time(), Settlement(), list[Result]()
        try:
            passed = await self._gate(batch, settlement)
        except OperationalError:  # nothing was written, whether the marks were committed or not
            await self._put_back(letter.row for letter in batch.letters)
            raise

        def report(result: Result) -> None:
            self._journal.note(result)
            results.append(result)

        began = boot_time()
        try:
            await connection.send(
                [letter.envelope for letter in passed],
                report=report,
                announce=self._journal.announce,
                write_until=issued + MARK_SECONDS,
            )
        finally:  # also when cancelled: whatever was heard is written down
            if passed:
                rate = len(passed) / (boot_time() - began)
                batch.lane.batch_size = max(1, min(MICRO_BATCH, int(BATCH_SECONDS * rate)))
                batch.lane.pace = rate * len(batch.lane.under_way)
            self._judge(results, passed, settlement)
            back = len(batch.letters) - settlement.decided_count
            self._lanes.hear(batch.lane.key, settlement.answers, why=settlement.why, back=back)
            await asyncio.shield(self._settle(settlement))
        if self._lanes.have_urgent_news:
            await self._tell()

    async def _gate(self, batch: Batch, settlement: Settlement) -> list[Letter]:
        """Mark, commit, then look. Returns the letters that may leave; the others are settled."""
        open_now = [letter for letter in batch.letters if self._is_open(letter, settlement)]
        caps, stops = await self._gates[batch.lane.key.transport_id](open_now)
        for letter in open_now:
            message_id = letter.row.id
            stop, until = stops.get(message_id, NOT_OURS)
            if cap := caps.get(message_id):
                settlement.cap(message_id, *cap)
            elif stop == "snoozed" and until:
                settlement.put_back(message_id, until, refund=True, reason=stop)
            elif stop == "held":
                settlement.put_back(message_id, clock.now(), refund=True)
            elif stop and message_id in stops:
                settlement.finish(message_id, Outcome.SKIPPED, reason=stop)
        return [one for one in open_now if stops.get(one.row.id, NOT_OURS)[0] is None]

    async def _mark_and_look(self, transport_id: int, turns: list[list[Letter]]) -> Verdicts:
        """What caps say of the letters of some wires; of the others, which are marked, the look."""
        letters = [letter for letters in turns for letter in letters]
        caps, ids = await self._mark(letters, transport_id)
        query = {"ids": ids, "token": self._lease.token, "now": clock.held_at(), "pepper": pepper()}
        looked = await self._lease.fetch("look", query)
        return caps, {message_id: (stop, until) for message_id, stop, until in looked}

    async def _mark(self, letters: Sequence[Letter], transport_id: int) -> tuple[Caps, list[int]]:
        """The messages that bear a committed wire mark now, and what holds back the capped."""
        ids = [letter.row.id for letter in letters]
        query = {"transport_id": transport_id, "token": self._lease.token}
        capped = [letter.row.subscriber_id for letter in letters if letter.is_capped]
        if not capped:
            marked = await self._lease.fetch("mark", {"ids": ids, **query})
            return {}, [message_id for (message_id,) in marked]
        async with self._pool.connection() as database, database.transaction():
            await database.execute(sql.load("delivery", "lock_people"), {"ids": capped})
            over = await database.execute(sql.load("delivery", "caps"), {"ids": ids})
            caps = {row[0]: (row[1], row[2]) for row in await over.fetchall()}
            ids = [message_id for message_id in ids if message_id not in caps]
            cursor = await database.execute(sql.load("delivery", "mark"), {"ids": ids, **query})
            return caps, [message_id for (message_id,) in await cursor.fetchall()]

    def _is_open(self, letter: Letter, settlement: Settlement) -> bool:
        """Whether all send windows are, in time; if not, the message waits until they open."""
        now = clock.now()
        if letter.expires_at and letter.expires_at <= now:
            settlement.finish(letter.row.id, Outcome.SKIPPED, reason="expired")
            return False
        try:
            opens_at = letter.may_leave(now)
        except NeverOpen as error:
            settlement.finish(letter.row.id, Outcome.FAILED, reason=str(error))
            return False
        if opens_at > now:
            settlement.put_back(letter.row.id, opens_at, refund=True)
        return opens_at <= now

    def _judge(
        self, results: Sequence[Result], passed: Sequence[Letter], settlement: Settlement
    ) -> None:
        rows = {letter.row.id: letter.row for letter in passed}
        now = clock.now()
        for result in results:
            row = rows[result.id]
            jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
            age = now - row.queued_at
            settlement.judge(result, attempts=row.attempts, now=now, jitter=jitter, age=age)

    async def _settle(self, settlement: Settlement) -> None:
        """Write down what became of messages."""
        if settlement.ids:
            await self._written(settlement)

    async def _write_down(self, settlements: Sequence[Settlement]) -> None:
        """Settle all that, in one transaction; a lost database is waited for."""
        settlement = Settlement.of_all(settlements)
        for pause in RETRIES:
            try:
                await self._write(settlement)
            except OperationalError as error:
                log.warning("settle_retried", error=str(error), message_ids=settlement.ids)
                await asyncio.sleep(pause)
            else:
                return
        await self._write(settlement)  # if this fails too, they are in doubt or due again

    async def _write(self, settlement: Settlement) -> None:
        async with self._pool.connection() as database, database.transaction():
            news: list[NewEvent] = []
            for name, parameters in settlement.statements():
                query = {**sql.packed(parameters), "token": self._lease.token}
                cursor = await database.execute(sql.load("delivery", name), query)
                news += outcomes.news(await cursor.fetchall(), failures=settlement.failures)
            if news:
                await database.execute(events.STATEMENT, events.parameters(news))
        self._sent_count += sum(outcome == Outcome.SENT for _, outcome, *_ in settlement.finished)

    async def _not_now(self, batch: Batch, reply: Reply) -> None:
        """No connection: nobody is to blame. The letters go back, and the wire takes a breath."""
        self._lanes.hear(batch.lane.key, back=len(batch.letters))
        await self._put_back([letter.row for letter in batch.letters], reply=str(reply))
        await asyncio.sleep(IDLE_SECONDS)
        await self._ready.done(batch)

    async def _put_back(self, rows: Iterable[Claimed], *, reply: str = "") -> None:
        """These have not left, for no fault of theirs: they are due at once."""
        settlement, now = Settlement(), clock.now()
        for row in rows:
            settlement.put_back(row.id, now, refund=True, reply=reply)
        await self._settle(settlement)

    async def _tell(self) -> None:
        try:
            async with self._pool.connection() as database:
                await self._lanes.tell(database)
        except OperationalError as error:
            self._lose_database(error)

    async def _keep_lease(self) -> None:
        """Renew it for as long as this pump lives. Raises LeaseLost."""
        while True:
            await asyncio.sleep(IDLE_SECONDS if self._lost_database else settings.LEASE_SECONDS / 3)
            try:
                await self._lease.renew()
            except OperationalError as error:
                self._lose_database(error)
