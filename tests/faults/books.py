"""What became of everybody, counted from rows and from what the receiving side knows."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db.models import QuerySet

from delivery.models import Outbox, SendLedger
from delivery.states import Outcome
from subscribers.models import Suppression

Row = tuple[int, str, datetime | None]


@dataclass(frozen=True)
class Books:
    """One source's messages by what became of them.

    `missing` are owed and nowhere; `unsent` count as sent and never arrived; `unknown` arrived and
    nobody knows; `extra` are copies beyond the first; `differ` of these are not the same bytes;
    `late` were marked for the wire after their reader had been told that none would come.
    """

    owed: int
    sent: int
    arrived: int
    in_doubt: int
    in_doubt_arrived: int
    missing: int
    unsent: int
    unknown: int
    extra: int
    differ: int
    late: int
    skipped: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    suppressed: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value != {}}


def audit(
    journal: Path,
    *,
    source: Mapping[str, Any],
    owed: set[str],
    told: Mapping[str, float] | None = None,
) -> Books:
    """The books of a source that owes one message to each address in `owed`.

    `told` says when (seconds since the epoch) somebody's "no" had been confirmed to them.
    """
    lines = [line for line in read(journal) if line["code"] == 250 and line["rcpt"] in owed]
    copies: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for line in lines:
        copies[line["rcpt"]].append((line["message_id"], line["sha256"]))
    ledger = SendLedger.objects.filter(**source)
    sent, outbox = _people(ledger.filter(outcome=Outcome.SENT)), Outbox.objects.filter(**source)
    doubtful = _people(outbox.exclude(doubt_at=None))
    known = _people(ledger) | _people(outbox)
    marks = dict(_marks(ledger.filter(outcome=Outcome.SENT)))
    return Books(
        owed=len(owed),
        sent=len(sent),
        arrived=len(copies),
        in_doubt=len(doubtful),
        in_doubt_arrived=len(doubtful & copies.keys()),
        missing=len(owed - known),
        unsent=len(sent - copies.keys()),
        unknown=len(copies.keys() - sent - doubtful),
        extra=sum(map(len, copies.values())) - len(copies),
        differ=sum(len(set(same)) > 1 for same in copies.values()),
        late=sum(marks[email] > at for email, at in (told or {}).items() if email in marks),
        skipped=_reasons(ledger, Outcome.SKIPPED),
        failed=_reasons(ledger, Outcome.FAILED),
        suppressed=Suppression.objects.count(),
    )


def read(journal: Path) -> list[dict[str, Any]]:
    """What the sink wrote down so far; a line that it is writing right now does not count."""
    whole, _, _ = journal.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def reconcile(journal: Path | None) -> list[str]:
    """What `manage.py reconcile --journal` finds."""
    option = ["--journal", str(journal)] if journal else []
    said = io.StringIO()
    with contextlib.suppress(SystemExit):  # it says with its exit code what it says in words, too
        call_command("reconcile", "--json", *option, stdout=said)
    found = json.loads(said.getvalue())["findings"]
    return [f"{one['invariant']}: {one['sentence']}" for one in found]


def _people(rows: QuerySet[Any]) -> set[str]:
    return set(rows.values_list("subscriber__email", flat=True))


def _marks(rows: QuerySet[Any]) -> list[tuple[str, float]]:
    found = rows.exclude(wire_at=None).values_list("subscriber__email", "wire_at")
    return [(email, at.timestamp()) for email, at in found]


def _reasons(ledger: QuerySet[Any], outcome: str) -> dict[str, int]:
    return dict(Counter(ledger.filter(outcome=outcome).values_list("reason", flat=True)))
