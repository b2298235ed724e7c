"""A dry run of an import: the same reading, checking and comparing, and nothing is stored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from accounts.models import Workspace
from emailseq.lib import sql
from subscribers import hygiene
from subscribers.hygiene import Hint
from subscribers.imports.chunks import Chunk, Policy, chunks_of, leave_out_erased, stage
from subscribers.imports.mapping import Column, columns_of
from subscribers.imports.read import Layout
from subscribers.imports.refused import ErrorFile
from subscribers.imports.run import Refusals
from subscribers.imports.suppressing import would_suppress
from subscribers.imports.suppressions import addresses_of
from subscribers.models import CustomField, List
from subscribers.states import SubscriptionState
from subscribers.suppressed import pepper


@dataclass(frozen=True)
class Preview:
    """What an import would do, counted in people; duplicates and refusals are counted in rows.

    Whoever is suppressed or has left the list is also new, updated or unchanged, and stays
    suppressed and gone. `barred` are those whom their status elsewhere suppresses, `erased` those
    who were forgotten for good, and do not come in. `hints` counts, by code, whose addresses are
    odd (`hygiene`): they come in. Of those who are updated, some are shown:
    `{"email": …, "changes": {"city": ["Rome", "Oslo"]}}`.
    """

    created: int
    updated: int
    unchanged: int
    suppressed: int
    unsubscribed: int
    duplicates: int
    refused: int
    barred: int
    erased: int
    hints: dict[str, int]
    samples: list[dict[str, Any]]


def preview(
    layout: Layout, *, to: List, error_path: Path, policy: str = Policy.OVERWRITE
) -> Preview:
    """What an import of the file would do now. Refused rows go to the file `error_path`.

    Raises Invalid for a file that cannot be taken at all.
    """
    columns = columns_of(layout.header, declared=CustomField.objects.of(to.workspace))
    error_file = ErrorFile(error_path, layout=layout, done_lines=0)
    return look_ahead(layout, columns, to=to, policy=policy, refusals=error_file)


def look_ahead(
    layout: Layout,
    columns: Sequence[Column],
    *,
    to: List,
    policy: str,
    refusals: Refusals,
    odd: Callable[[Iterable[tuple[str, Hint]]], object] = lambda found: None,
    progress: Callable[[int], object] = lambda lines: None,
) -> Preview:
    """Chunk by chunk in short transactions, since a long one would hold up all who read the event
    log. `progress` hears of the lines that are done, and `odd` of addresses and what is.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.load("subscribers", "import_preview_stage"))
    repeated = refused = erased = 0
    barred: set[str] = set()
    counts = Counter[str]()
    for chunk in chunks_of(layout, columns, policy=policy):
        if chunk.refused:
            refusals.add(chunk.refused)
        hints = [(key, hint) for key in chunk.people for hint in hygiene.hints(key)]
        counts.update(hint.code for _, hint in hints)
        odd(hints)
        erased += leave_out_erased(chunk, to=to)
        repeated += chunk.repeated_count + len(chunk.people) - _gather(chunk, to, policy)
        refused += len(chunk.refused)
        barred |= chunk.barred.keys()
        progress(chunk.last_line)
    return Preview(
        *_compare(to), repeated, refused, len(barred), erased, dict(counts), _samples(to)
    )


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


def _samples(to: List) -> list[dict[str, Any]]:
    found = sql.fetch("subscribers", "import_preview_samples", {"workspace_id": to.workspace_id})
    return [{"email": email, "changes": json.loads(changes)} for email, changes in found]


def preview_suppressions(
    layout: Layout,
    columns: Sequence[Column],
    *,
    workspace: Workspace,
    reason: str,
    refusals: Refusals,
    progress: Callable[[int], object],
) -> dict[str, int]:
    """How many addresses would be suppressed, for a stronger reason, or as before."""
    place = [column.key for column in columns].index("email")
    seen: set[str] = set()
    counts = dict.fromkeys(("created", "updated", "unchanged", "duplicates", "refused"), 0)
    for chunk in addresses_of(layout, place=place):
        if chunk.refused:
            refusals.add(chunk.refused)
        fresh = chunk.named - seen
        seen |= fresh
        raised, known = would_suppress(fresh, workspace=workspace, reason=reason)
        counts["created"] += len(fresh) - raised - known
        counts["updated"] += raised
        counts["unchanged"] += known
        counts["duplicates"] += chunk.row_count - len(chunk.refused) - len(fresh)
        counts["refused"] += len(chunk.refused)
        progress(chunk.last_line)
    return counts
