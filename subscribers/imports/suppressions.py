"""A file of addresses that must not be sent to: who has said no, or bounced, elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from pathlib import Path

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import text
from subscribers import suppressed
from subscribers.imports.mapping import Column, columns_of
from subscribers.imports.read import Layout, Row, rows
from subscribers.imports.refused import ErrorFile
from subscribers.imports.run import Refusals, finish, save_progress
from subscribers.imports.suppressing import suppress_many
from subscribers.models import Import

CHUNK_ROWS = 5_000


@dataclass
class Counts:
    """`raised` were suppressed for a weaker reason; `known` for as strong a one."""

    added: int = 0
    raised: int = 0
    known: int = 0
    refused: int = 0


def suppress_file(
    layout: Layout, *, workspace: Workspace, reason: str, note: str, by: Actor, error_path: Path
) -> Counts:
    """Suppress each address of the file, as `suppress` would one by one; the other columns do not
    count. Refused rows go to the file `error_path`. Cut off, it may be begun again: what is
    suppressed stays so. Raises Invalid for a file that cannot be taken at all.
    """
    text.check(note=note)
    keys = [column.key for column in columns_of(layout.header, declared=())]
    error_file = ErrorFile(error_path, layout=layout, done_lines=0)
    counts = Counts()
    for chunk in addresses_of(layout, place=keys.index("email")):
        if chunk.refused:
            error_file.add(chunk.refused)
            counts.refused += len(chunk.refused)
        with transaction.atomic():
            done = suppress_many(chunk.named, workspace=workspace, reason=reason, note=note[:500])
        counts.added += done.added
        counts.raised += done.raised
        counts.known += done.known
    changes = {"reason": reason, "file": layout.path.name[:254], **vars(counts)}
    audit.record(workspace, "suppressions.imported", by=by, on=workspace, changes=changes)
    return counts


@dataclass
class Addresses:
    """Rows sorted out: the keys of their addresses, each once."""

    last_line: int
    named: set[str] = field(default_factory=set)
    refused: list[tuple[Row, str]] = field(default_factory=list)
    row_count: int = 0


def addresses_of(layout: Layout, *, place: int, after: int = 0) -> Iterator[Addresses]:
    """What stands in the column at `place` behind line `after`, so many rows at a time."""
    found = rows(layout, after=after)
    while chunk := list(islice(found, CHUNK_ROWS)):
        yield _sort_out(chunk, place)


def carry_on(
    job: Import,
    layout: Layout,
    columns: Sequence[Column],
    *,
    by: Actor,
    refusals: Refusals,
    until: float = inf,
) -> bool:
    """Like that of `run`, for a job that suppresses."""
    place = [column.key for column in columns].index("email")
    for chunk in addresses_of(layout, place=place, after=job.line_count):
        _store(job, chunk, refusals)
        if time.monotonic() > until:
            return False
    finish(job, by=by)
    return True


@transaction.atomic
def _store(job: Import, chunk: Addresses, refusals: Refusals) -> None:
    if chunk.refused:
        refusals.add(chunk.refused)
    done = suppress_many(
        chunk.named, workspace=job.workspace, reason=job.reason, note=str(job)[:500], job=job
    )
    job.line_count = chunk.last_line
    job.created_count += done.added
    job.updated_count += done.raised
    job.unchanged_count += done.known + chunk.row_count - len(chunk.named) - len(chunk.refused)
    job.refused_count += len(chunk.refused)
    save_progress(job)


def _sort_out(found: list[Row], place: int) -> Addresses:
    chunk = Addresses(found[-1].last_line, row_count=len(found))
    for row in found:
        try:
            if row.fault:
                raise ValueError(row.fault)
            chunk.named.add(suppressed.parse("".join(row.cells[place : place + 1])))
        except ValueError as error:
            chunk.refused.append((row, str(error)))
    return chunk
