"""The rows of a file, sorted out and staged in the database, so many at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from emailseq.lib import ids, sql
from subscribers.imports.mapping import Barred, Column, Person, person_of
from subscribers.imports.read import Layout, Row, rows
from subscribers.models import List, Suppression

CHUNK_ROWS = 10_000
CHUNK_CHARACTERS = 16 * 1024 * 1024


class Policy(models.TextChoices):
    """What a row may change of somebody who is there; it never empties anything."""

    OVERWRITE = "overwrite", _("Whatever it says")
    FILL = "fill", _("What is blank so far")
    SKIP = "skip", _("Nothing")


@dataclass
class Chunk:
    """Rows sorted out: each person once, however often the file names them."""

    last_line: int = 0
    people: dict[str, Person] = field(default_factory=dict)
    refused: list[tuple[Row, str]] = field(default_factory=list)
    repeated_count: int = 0
    barred: dict[str, str] = field(default_factory=dict)  # the reason, by address key


def chunks_of(
    layout: Layout, columns: Sequence[Column], *, policy: str, after: int = 0
) -> Iterator[Chunk]:
    """What stands behind line `after`; the next chunk is sorted out while this one is used."""
    return _ahead(_chunks(rows(layout, after=after), columns, policy))


def leave_out_erased(chunk: Chunk, *, to: List) -> int:
    """Take out of a chunk who was forgotten for good, row and all; how many they were."""
    erased = Suppression.objects.of(to.workspace).erased_among(chunk.people.keys())
    for key in erased:
        del chunk.people[key]
    return len(erased)


def stage(chunk: Chunk, *, to: List, policy: str) -> None:
    """Put the people of a chunk into `import_stage`, with what the policy lets them change."""
    columns = ", ".join(("uid", *Person._fields))
    with connection.cursor() as cursor:
        cursor.execute(sql.load("subscribers", "import_stage"))
        with cursor.copy(f"COPY import_stage ({columns}) FROM STDIN") as copy:
            for person in chunk.people.values():
                copy.write_row((ids.new(), *person))
    if policy != Policy.OVERWRITE:
        facts = {"workspace_id": to.workspace_id, "fill": policy == Policy.FILL}
        sql.run("subscribers", "import_spare", facts)


def _chunks(found: Iterator[Row], columns: Sequence[Column], policy: str) -> Iterator[Chunk]:
    chunk, count, size = Chunk(), 0, 0
    for row in found:
        _sort_out(row, columns, policy, chunk)
        count, size = count + 1, size + sum(map(len, row.cells))
        if count == CHUNK_ROWS or size > CHUNK_CHARACTERS:
            yield chunk
            chunk, count, size = Chunk(), 0, 0
    if count:
        yield chunk


def _ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Sort out the next chunk while the database stores the last one.

    Whoever stores comes back from the database or the disk some twenty times a chunk, and would
    wait for the one who sorts out for 5 ms each time, a quarter of all that an import takes.
    """
    with ThreadPoolExecutor(1) as worker, _quick_turns():
        coming = worker.submit(next, chunks, None)
        while chunk := coming.result():
            coming = worker.submit(next, chunks, None)
            yield chunk


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Have threads take turns after half a millisecond at the latest."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _sort_out(row: Row, columns: Sequence[Column], policy: str, chunk: Chunk) -> None:
    chunk.last_line = row.last_line
    try:
        if row.fault:
            raise ValueError(row.fault)
        person = person_of(row.cells, columns=columns)
    except ValueError as error:
        chunk.refused.append((row, str(error)))
        return
    except Barred as told:
        chunk.barred[told.address_key] = told.reason
        return
    earlier = chunk.people.get(person.address_key)
    if earlier:
        chunk.repeated_count += 1
    chunk.people[person.address_key] = _both(earlier, person, policy) if earlier else person


def _both(earlier: Person, later: Person, policy: str) -> Person:
    """Who is named twice, as if the later row had come in a chunk of its own."""
    if policy == Policy.SKIP:
        return earlier
    if policy == Policy.FILL:
        return later.merged(earlier)._replace(email=earlier.email)
    return earlier.merged(later)
