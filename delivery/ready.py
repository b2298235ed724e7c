"""The letters that are ready to leave, and the wires that wait for them."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from delivery.carriers import Carrier
from delivery.lanes import Lane, Lanes
from delivery.letters import Letter
from delivery.routing import LaneKey
from delivery.transports.smtp import boot_time


@dataclass
class Batch:
    """A micro-batch: letters of one lane, so that a lane in trouble holds up no other."""

    lane: Lane
    letters: list[Letter]
    began: float


class Ready:
    """Letters of all lanes. Wires take them from the lane that has the fewest."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._changed = asyncio.Condition()
        self._low = asyncio.Event()
        self._closed = False
        self._count = 0
        self.weight = 0  # of the files in letters, here and on the wires

    def __len__(self) -> int:
        return sum(len(lane.ready) for lane in self._lanes.values())

    async def put(self, letters: Iterable[Letter]) -> None:
        """More letters; a lane's first priority leaves first."""
        for letter in letters:
            self._count += 1
            self.weight += letter.weight
            lane = self._lanes[letter.row.lane]
            heapq.heappush(lane.ready, (letter.row.priority, self._count, letter))
        await self._notify()

    async def take(
        self, carrier: Carrier, *, wire: int, patience: float | None = None
    ) -> Batch | None:
        """Letters for a wire of a transport; None when there will be no more.

        With patience, None also after so many seconds, or when the wire has become one too many.
        """
        async with self._changed:
            while not (lane := self._next_lane(carrier, wire)):
                if self._closed or (patience and wire >= self._lanes.wires(carrier)):
                    return None
                try:
                    async with asyncio.timeout(patience):
                        await self._changed.wait()
                except TimeoutError:
                    return None
            count = min(lane.batch_size, len(lane.ready))
            letters = [heapq.heappop(lane.ready)[-1] for _ in range(count)]
            if lane.room:
                self._low.set()
            batch = Batch(lane, letters, began=boot_time())
            lane.under_way.append(batch.began)
            return batch

    async def done(self, batch: Batch) -> None:
        """The wire of a batch is free again."""
        batch.lane.under_way.remove(batch.began)
        self.weight -= sum(letter.weight for letter in batch.letters)
        await self._notify()

    async def withdraw(self) -> list[Letter]:
        """Take back the letters of the lanes that have closed; wires see how things stand now."""
        withdrawn = self._clear([key for key in self._lanes if not self._lanes.is_open(key)])
        await self._notify()
        return withdrawn

    async def close(self, *, at_once: bool) -> None:
        """No more letters come: the wires go home once they are gone, or at once."""
        self._closed = True
        if at_once:
            self._clear(self._lanes)
        await self._notify()

    async def run_low(self, *, patience: float) -> None:
        """Wait until a lane has room for more letters, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._low.wait()
        self._low.clear()

    def _clear(self, keys: Iterable[LaneKey]) -> list[Letter]:
        cleared = []
        for lane in map(self._lanes.__getitem__, keys):
            cleared += [letter for *_, letter in lane.ready]
            lane.hear(back=len(lane.ready))
            lane.ready.clear()
        self.weight -= sum(letter.weight for letter in cleared)
        return cleared

    def _next_lane(self, carrier: Carrier, wire: int) -> Lane | None:
        if wire >= self._lanes.wires(carrier):
            return None
        able = [
            lane
            for key, lane in self._lanes.items()
            if lane.ready
            and key.transport_id == carrier.id
            and not lane.is_stuck
            and self._lanes.is_open(key)
        ]
        return min(able, key=lambda lane: (len(lane.under_way), lane.ready[0][:2]), default=None)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
