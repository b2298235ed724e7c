"""How the lanes stand, as one pump knows it, and how it shares that with the others.

The rows of `delivery_lane` are what all pumps share. A pump reads them before it claims, asks them
where a lane is limited, and tells them what its wires have heard: faults at once, all else each
second. What follows from that is for `brakes` to say.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

import structlog
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import dict_row

from delivery import brakes
from delivery.brakes import Brakes, Heard, Limits, State
from delivery.carriers import Carrier
from delivery.letters import Letter
from delivery.routing import LaneKey
from delivery.transports.smtp import boot_time
from emailseq.lib import clock, sql

MOST_READY = 400  # letters that a lane holds ready
READY_SECONDS = 30  # and no more than it can send in so long
STUCK_SECONDS = 5  # a lane that has been silent for so long gets no more wires
YIELD_SECONDS = (
    2  # in so long the other pumps have given up the connections that a new one may have
)

Database = AsyncConnection[Any]
Row = Mapping[str, Any]
log = structlog.get_logger(__name__)


@dataclass
class News:
    """What the row of a lane has not been told yet."""

    answers: str = ""  # letters of `brakes.Heard`
    why: str = ""  # the words of the last fault
    back: int = 0  # messages that were let through, and did not leave


@dataclass
class Lane:
    """A lane as this pump sees it, and the letters that it holds ready."""

    key: LaneKey
    limits: Limits
    brakes: Brakes
    probes: bool = False  # the one message that may leave while it is closed is ours
    news: News = field(default_factory=News)
    ready: list[tuple[int, int, Letter]] = field(default_factory=list)  # a heap
    under_way: list[float] = field(default_factory=list)  # since when wires are busy with it
    batch_size: int = 1
    pace: float = 160 / READY_SECONDS  # messages a second by this pump

    @property
    def is_open(self) -> bool:
        return self.brakes.state == State.OPEN or self.probes

    @property
    def is_stuck(self) -> bool:
        return bool(self.under_way) and boot_time() - self.under_way[0] > STUCK_SECONDS

    @property
    def is_limited(self) -> bool:
        return brakes.is_limited(self.brakes, self.limits)

    @property
    def room(self) -> int:
        """How many more letters it should hold: none before half of them are gone."""
        most = max(1, min(MOST_READY, int(self.pace * READY_SECONDS)))
        return most - len(self.ready) if len(self.ready) <= most // 2 else 0

    def hear(self, answers: str = "", *, why: str = "", back: int = 0) -> None:
        """Keep for the row what a wire has heard, or that messages did not leave."""
        self.news.answers += answers
        self.news.why = why or self.news.why
        self.news.back += back

    @property
    def is_urgent(self) -> bool:
        """Whether the other pumps should know its news at once."""
        return self.news != News() and (
            self.probes or not brakes.FAULTS.isdisjoint(self.news.answers)
        )


class Lanes(dict[LaneKey, Lane]):
    """All lanes of the carriers; with each, its transport as a whole."""

    def __init__(self, carriers: Iterable[Carrier], *, wires: int) -> None:
        super().__init__()
        self.carriers = {carrier.id: carrier for carrier in carriers}
        self.rank, self.pumps = 0, 1  # of this pump among all that live
        self._wires = wires
        self._now = clock.now()
        self._began = self._read_at = boot_time()
        self._visiting = asyncio.Lock()

    @property
    def now(self) -> datetime:
        """The time on the clock that all pumps go by."""
        return self._now + timedelta(seconds=boot_time() - self._read_at)

    def is_open(self, key: LaneKey) -> bool:
        """Whether what is claimed for a lane may leave."""
        return self[key].is_open and self[key.whole].is_open

    def wires(self, carrier: Carrier) -> int:
        """How many connections this pump may have: its part of what all pumps may."""
        whole = self.get(LaneKey(carrier.id))
        lowered = whole.brakes.connections if whole else None
        most = lowered or carrier.max_connections
        if most is None:
            return self._wires
        if self.pumps > 1 and boot_time() - self._began < YIELD_SECONDS:
            return 0
        return min(self._wires, most // self.pumps + (self.rank < most % self.pumps))

    def hear(self, key: LaneKey, answers: str = "", *, why: str = "", back: int = 0) -> None:
        """Keep what a wire has heard, for a lane and for its transport as a whole.

        That ignores what is the affair of one lane: to be told to slow down, and to be refused
        once that is enough for the lane to close.
        """
        lane, whole = self[key], self[key.whole]
        refused = (lane.brakes.recent + lane.news.answers).count(Heard.UNWANTED)
        tell = lane.limits.unwanted - refused if lane.is_open else 0
        for_all = answers.replace(Heard.SLOW, Heard.FINE)
        if (beyond := for_all.count(Heard.UNWANTED) - max(0, tell)) > 0:
            for_all = for_all[::-1].replace(Heard.UNWANTED, Heard.FINE, beyond)[::-1]
        lane.hear(answers, why=why, back=back)
        whole.hear(for_all, why=why, back=back)

    @property
    def have_urgent_news(self) -> bool:
        return any(lane.is_urgent for lane in self.values())

    # Read, ask and tell

    async def read(self, database: Database, needed: Iterable[LaneKey]) -> None:
        """Learn how all lanes stand; those needed that nobody has used before are opened."""
        held = {"now": clock.held_at()}
        transport_ids = {"transport_ids": list(self.carriers)}
        async with database.cursor(row_factory=dict_row) as cursor:
            for _ in range(2):
                await cursor.execute(sql.load("delivery", "lanes"), transport_ids | held)
                for row in await cursor.fetchall():
                    self._learn(row)
                missing = {each for key in needed for each in (key, key.whole)} - self.keys()
                if not missing:
                    return
                await cursor.execute(sql.load("delivery", "open_lanes"), _named(missing) | held)

    async def ask(self, database: Database, wants: Mapping[LaneKey, int]) -> dict[LaneKey, int]:
        """Ask lanes to let messages through, and tell all what was heard; what they let through.

        One short transaction, in which their rows are locked in order.
        """
        async with self._visiting:
            news = {lane.key for lane in self.values() if lane.news != News()}
            if not (keys := news | wants.keys()):
                return {}
            async with database.transaction(), database.cursor(row_factory=dict_row) as cursor:
                query = {**_named(keys), "now": clock.held_at()}
                await cursor.execute(sql.load("delivery", "lock_lanes"), query)
                rows = await cursor.fetchall()
                granted = {
                    lane.key: self._settle(lane, wants.get(lane.key, 0))
                    for lane in map(self._learn, rows)
                }
                await self._write(cursor, rows)
            return granted

    async def tell(self, database: Database) -> None:
        """Tell the lanes what was heard."""
        await self.ask(database, {})

    def _settle(self, lane: Lane, want: int) -> int:
        """Let a lane draw its conclusions, then ask it for what is wanted."""
        news, lane.news, now, limits = lane.news, News(), self.now, lane.limits
        before = lane.brakes.state
        if before == State.PROBING and not lane.probes:
            news = News()  # about what was under way when it closed
        if news.back:
            lane.brakes = brakes.give_back(lane.brakes, news.back, now=now, limits=limits)
        if news.answers:
            jitter = random.random()  # noqa: S311 - spreads rests, guards nothing
            lane.brakes = brakes.hear(
                lane.brakes, news.answers, why=news.why[:500], now=now, limits=limits, jitter=jitter
            )
        lane.probes = lane.probes and news == News()
        lane.brakes, count = brakes.take(lane.brakes, want, now=now, limits=limits)
        lane.probes = lane.probes or (bool(count) and lane.brakes.state == State.PROBING)
        if lane.brakes.state != before:
            log.warning("lane_moved", lane=lane.key, state=lane.brakes.state, why=news.why)
        return count

    async def _write(self, cursor: AsyncCursor[Any], rows: Iterable[Row]) -> None:
        told = [
            [row["id"], *(getattr(self[_key(row)].brakes, name) for name in _COLUMNS)]
            for row in rows
        ]
        query = sql.columns(["id", *_COLUMNS], told)
        await cursor.execute(sql.load("delivery", "write_lanes"), query)

    def _learn(self, row: Row) -> Lane:
        key, stands = _key(row), Brakes(**{name: row[name] for name in _COLUMNS})
        limits = self.carriers[key.transport_id].limits(key, connections=self.pumps * self._wires)
        lane = self.setdefault(key, Lane(key, limits, stands))
        lane.brakes, lane.limits = stands, limits
        lane.probes = lane.probes and stands.state == State.PROBING
        self._now, self._read_at = row["now"], boot_time()
        return lane


_COLUMNS = [each.name for each in fields(Brakes)]


def _key(row: Row) -> LaneKey:
    return LaneKey(row["transport_id"], row["message_class"], row["domain_group"])


def _named(keys: Iterable[LaneKey]) -> dict[str, list[Any]]:
    return sql.columns(("transport_ids", "message_classes", "domain_groups"), list(keys))
