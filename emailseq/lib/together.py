"""Many small requests, answered by few large ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Together(Generic[Item, Answer]):
    """Does for many at once what each asks for alone.

    What is asked for while `act` runs waits, and all of it goes along the next time: nobody waits
    for company, and the busier it gets, the less each costs. All of a turn share its answer, or its
    exception.
    """

    def __init__(self, act: Callable[[list[Item]], Awaitable[Answer]]) -> None:
        self._act = act
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._turns: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._turns is None:
            self._turns = asyncio.create_task(self._take_turns())
        return await answer

    async def _take_turns(self) -> None:
        while self._waiting:
            turn, self._waiting = self._waiting, []
            try:
                result = await self._act([item for item, _ in turn])
            except BaseException as error:  # noqa: BLE001 - it is theirs who asked
                for _, answer in turn:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for _, answer in turn:
                    if not answer.done():  # who was cancelled has gone
                        answer.set_result(result)
        self._turns = None
