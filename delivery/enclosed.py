"""What came with transactional messages, as a pump reads it: no more files than it has room for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from delivery.enclosures import File
from delivery.letters import Claimed, Told
from delivery.states import SourceKind

MOST_BYTES = 32 * 1024 * 1024  # of files in the letters of a pump

Fetch = Callable[[str, dict[str, Any]], Awaitable[list[tuple[Any, ...]]]]


async def read(
    fetch: Fetch, rows: Iterable[Claimed], *, taken: int
) -> tuple[dict[int, Told], set[int]]:
    """What came with each message, by its id, and which have to wait until other files have left.

    `taken` is what the files in the pump's hands weigh.
    """
    runs = {row.run: row.id for row in rows if row.kind == SourceKind.TRANSACTIONAL}
    if not runs:
        return {}, set()
    told, light, heavy, room = dict[int, Told](), list[int](), set[int](), MOST_BYTES - taken
    for run, *facts, weight in await fetch("told_of", {"runs": [*runs]}):
        told[runs[run]] = Told(*facts)
        if weight:
            room -= weight
            light.append(run) if room >= 0 else heavy.add(runs[run])
    files = await fetch("files_of", {"runs": light}) if light else []
    for run, *file in files:
        one = told[runs[run]]
        told[runs[run]] = one._replace(files=(*one.files, File(*file)))
    return told, heavy
