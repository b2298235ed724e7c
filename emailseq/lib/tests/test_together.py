from __future__ import annotations

import asyncio

import pytest

from emailseq.lib.together import Together


def test_what_is_asked_meanwhile_goes_along_the_next_time():
    turns = []

    async def act(items):
        turns.append(items)
        await asyncio.sleep(0)
        return sum(items)

    async def ask():
        together = Together(act)
        return await asyncio.gather(*(late(together, number) for number in range(4)))

    async def late(together, number):
        await asyncio.sleep(0.02 * (number == 3))
        return await together(number)

    assert asyncio.run(ask()) == [3, 3, 3, 3]
    assert turns == [[0, 1, 2], [3]]


def test_an_exception_is_for_those_of_its_turn_alone():
    async def act(items):
        await asyncio.sleep(0.01)
        if "bad" in items:
            raise ValueError(items)
        return items

    async def ask():
        together = Together(act)
        first = asyncio.create_task(together("bad"))
        await asyncio.sleep(0.001)  # its turn has begun
        second = asyncio.create_task(together("good"))
        return await asyncio.gather(first, second, return_exceptions=True)

    bad, good = asyncio.run(ask())
    assert (type(bad), good) == (ValueError, ["good"])


def test_who_gives_up_spoils_nothing_for_the_others():
    async def act(items):
        await asyncio.sleep(0.01)
        return items

    async def ask():
        together = Together(act)
        tasks = [asyncio.create_task(together(name)) for name in "ab"]
        await asyncio.sleep(0.001)
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        return await tasks[1]

    assert asyncio.run(ask()) == ["a", "b"]
