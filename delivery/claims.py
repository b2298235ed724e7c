"""What a pump claims next: what is due, shared out among the lanes that are open."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from psycopg import AsyncConnection

from delivery import brakes, routing
from delivery.lanes import Lanes
from delivery.letters import Claimed
from delivery.routing import LaneKey, Place, Share, Waiting
from delivery.transports.smtp import boot_time
from emailseq.lib import clock, sql

CLAIM = 400
LOOK_SECONDS = 0.2  # between two looks at what waits, or ten times what one takes
NEWS_SECONDS = 1.0  # between two visits to the lanes, where there is no bad news

Database = AsyncConnection[Any]


class Claims:
    """What waits in the outbox, as it was a moment ago, and whose turn it is."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._routes = [carrier.route for carrier in lanes.carriers.values()]
        self._waiting: dict[Place, Waiting] = {}
        self._served: dict[Place, int] = {}  # by which claim a place had its last turn
        self._turn = 0
        self._look_at = self._tell_at = 0.0

    async def look(self, database: Database, *, token: Any) -> None:
        """See what waits and how the lanes stand, unless that was only just done."""
        began = boot_time()
        if began >= self._tell_at:
            self._tell_at = began + NEWS_SECONDS
            await self._lanes.tell(database)
        if began < self._look_at:
            return
        pumps = await database.execute(sql.load("delivery", "pumps"), {"token": token})
        self._lanes.rank, self._lanes.pumps = await pumps.fetchone() or (0, 1)
        waits = await database.execute(sql.load("delivery", "waiting"), {"now": clock.held_at()})
        found = [_waiting(row) for row in await waits.fetchall()]
        await self._lanes.read(database, {lane for each in found for lane in self._of(each)})
        self._waiting = {each.place: each for each in found}
        self._look_at = boot_time() + max(LOOK_SECONDS, 10 * (boot_time() - began))

    async def plan(self, database: Database, *, ready: int) -> list[Share]:
        """What to claim, as the lanes allow; `ready` letters are there already."""
        now = self._lanes.now
        room = {
            key: most
            for key, lane in self._lanes.items()
            if key == key.whole
            and (most := brakes.allowance(lane.brakes, now=now, limits=lane.limits)) is not None
        }
        shares = routing.Plan(self._lanes_of, self._served, room).make(
            self._waiting.values(), budget=min(CLAIM, 2 * CLAIM - ready), turn=self._turn
        )
        allowed = await self._allowed(database, shares)
        self._turn += bool(allowed)
        return allowed

    @staticmethod
    def places(shares: Iterable[Share]) -> dict[str, list[Any]]:
        """The shares as `claim.sql` wants them: each place once."""
        quotas: Counter[Place] = Counter()
        for share in shares:
            quotas[share.place] += share.quota
        names = ("priorities", "kinds", "source_ids", "domain_groups", "quotas")
        return sql.columns(names, [(*place, quota) for place, quota in quotas.items()])

    def assign(
        self, shares: Iterable[Share], rows: Iterable[Claimed]
    ) -> tuple[list[Claimed], list[Claimed]]:
        """The claimed rows with their lanes, and those that must not leave by the one planned."""
        by_place: dict[Place, list[Claimed]] = defaultdict(list)
        for row in sorted(rows):
            by_place[row.place].append(row)
        assigned: list[Claimed] = []
        misfits: list[Claimed] = []
        for place, lane, quota in shares:
            mine, by_place[place] = by_place[place][:quota], by_place[place][quota:]
            fits = [row._replace(lane=lane) for row in mine if lane in self._of(row)]
            assigned += fits
            misfits += [row for row in mine if lane not in self._of(row)]
            self._lanes.hear(lane, back=quota - len(fits))
            self._served[place] = self._turn
            if len(mine) < quota:
                self._waiting.pop(place, None)  # that was all, until the next look
        return assigned, misfits

    def _of(self, message: Waiting | Claimed) -> list[LaneKey]:
        return routing.lanes(
            self._routes,
            workspace_id=message.workspace_id,
            message_class=message.message_class,
            transport_id=message.transport_id,
            domain_group=message.place.domain_group,
        )

    def _lanes_of(self, waiting: Waiting) -> Iterator[tuple[LaneKey, int]]:
        """The lanes that take more of a place's messages, and how many.

        The next lane carries only what those before it must not: they rest, or have had enough for
        today. What has to wait for its turn waits.
        """
        now = self._lanes.now
        for key in self._of(waiting):
            own = self._lanes[key]
            both = [own, self._lanes[key.whole]]
            allowed = [brakes.allowance(lane.brakes, now=now, limits=lane.limits) for lane in both]
            if self._lanes.wires(self._lanes.carriers[key.transport_id]):
                yield key, min([own.room, *(most for most in allowed if most is not None)])
            if not any(brakes.is_shut(lane.brakes, now=now, limits=lane.limits) for lane in both):
                return

    async def _allowed(self, database: Database, shares: Sequence[Share]) -> list[Share]:
        """The shares as far as the lanes that are limited let them through."""
        wants: Counter[LaneKey] = Counter()
        for share in shares:
            for key in (share.lane, share.lane.whole):
                if self._lanes[key].is_limited:
                    wants[key] += share.quota
        if not wants:
            return list(shares)
        left = await self._lanes.ask(database, wants)
        allowed: list[Share] = []
        for share in shares:
            asked = [key for key in (share.lane, share.lane.whole) if key in wants]
            if quota := min([share.quota, *(left.get(key, 0) for key in asked)]):
                allowed.append(share._replace(quota=quota))
            for key in asked:
                left[key] = left.get(key, 0) - quota
        for key, count in left.items():  # one let through what the other did not
            self._lanes[key].hear(back=count)
        return allowed


def _waiting(row: Sequence[Any]) -> Waiting:
    return Waiting(Place._make(row[:4]), *row[4:])
