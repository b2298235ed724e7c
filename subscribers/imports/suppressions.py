"""A file of addresses that must not be sent to: who has said no, or bounced, elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import text
from subscribers import suppressed
from subscribers.imports.mapping import columns_of
from subscribers.imports.read import Layout, Row, rows
from subscribers.imports.refused import ErrorFile
from subscribers.models import Suppression
from subscribers.states import SuppressionReason

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
    counts, found = Counts(), rows(layout)
    while chunk := list(islice(found, CHUNK_ROWS)):
        named, refused = _sort_out(chunk, keys.index("email"))
        if refused:
            error_file.add(refused)
            counts.refused += len(refused)
        _suppress(named, counts, workspace=workspace, reason=reason, note=note[:500])
    changes = {"reason": reason, "file": layout.path.name[:254], **vars(counts)}
    audit.record(workspace, "suppressions.imported", by=by, on=workspace, changes=changes)
    return counts


def _sort_out(chunk: list[Row], place: int) -> tuple[set[str], list[tuple[Row, str]]]:
    named, refused = set(), []
    for row in chunk:
        try:
            if row.fault:
                raise ValueError(row.fault)
            named.add(suppressed.parse("".join(row.cells[place : place + 1])))
        except ValueError as error:
            refused.append((row, str(error)))
    return named, refused


@transaction.atomic
def _suppress(
    named: set[str], counts: Counts, *, workspace: Workspace, reason: str, note: str
) -> None:
    there = Suppression.objects.of(workspace).filter(address_key__in=named)
    known = set(there.values_list("address_key", flat=True))
    raised = there.filter(reason__in=list(_weaker(reason))).update(
        reason=reason, note=note, message_id=None
    )
    new = [
        Suppression(workspace=workspace, address_key=key, reason=reason, note=note)
        for key in sorted(named - known)
    ]
    Suppression.objects.bulk_create(new, ignore_conflicts=True)
    counts.added += len(new)
    counts.raised += raised
    counts.known += len(known) - raised


def _weaker(reason: str) -> Iterator[str]:
    yield from SuppressionReason.values[: SuppressionReason.values.index(reason)]
