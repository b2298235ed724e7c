"""A dry run of an import: the same reading, checking and comparing, and nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from emailseq.lib import sql
from subscribers.imports.chunks import Chunk, Policy, chunks_of, stage
from subscribers.imports.mapping import columns_of
from subscribers.imports.read import Layout
from subscribers.imports.refused import ErrorFile
from subscribers.models import CustomField, List
from subscribers.states import SubscriptionState
from subscribers.suppressed import pepper


@dataclass(frozen=True)
class Preview:
    """What an import would do, counted in people; the last two are counted in rows.

    Whoever is suppressed or has left the list is also new, updated or unchanged, and stays
    suppressed and gone.
    """

    created: int
    updated: int
    unchanged: int
    suppressed: int
    unsubscribed: int
    duplicates: int
    refused: int


def preview(
    layout: Layout, *, to: List, error_path: Path, policy: str = Policy.OVERWRITE
) -> Preview:
    """What an import of the file would do now. Refused rows go to the file `error_path`.

    Chunk by chunk in short transactions, since a long one would hold up all who read the event
    log. Raises Invalid for a file that cannot be taken at all.
    """
    columns = columns_of(layout.header, declared=CustomField.objects.of(to.workspace))
    error_file = ErrorFile(error_path, layout=layout, done_lines=0)
    with connection.cursor() as cursor:
        cursor.execute(sql.load("subscribers", "import_preview_stage"))
    repeated = refused = 0
    for chunk in chunks_of(layout, columns, policy=policy):
        if chunk.refused:
            error_file.add(chunk.refused)
        repeated += chunk.repeated_count + len(chunk.people) - _gather(chunk, to, policy)
        refused += len(chunk.refused)
    return Preview(*_compare(to), repeated, refused)


@transaction.atomic
def _gather(chunk: Chunk, to: List, policy: str) -> int:
    """How many of the chunk are named for the first time."""
    stage(chunk, to=to, policy=policy)
    [(first_time,)] = sql.fetch("subscribers", "import_preview_chunk")
    return int(first_time)


@transaction.atomic
def _compare(to: List) -> tuple[int, int, int, int, int]:
    facts = {
        "workspace_id": to.workspace_id,
        "list_id": to.pk,
        "unsubscribed": SubscriptionState.UNSUBSCRIBED,
        "pepper": pepper(),
    }
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE import_preview")
        cursor.execute("SET LOCAL statement_timeout = 0")
    [counts] = sql.fetch("subscribers", "import_preview", facts)
    created, updated, unchanged, suppressed, unsubscribed = counts
    return created, updated, unchanged, suppressed, unsubscribed
