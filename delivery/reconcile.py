"""Do the outbox, the ledger and what the receiving side knows tell the same story?

An empty answer means that the invariants (docs/operators/reliability.md) hold.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.db.models import QuerySet

from accounts.models import AuditEntry
from delivery.letters import MessageKey
from delivery.models import Outbox, SendLedger
from delivery.states import Outcome
from emailseq.lib import sql


class Finding(NamedTuple):
    """One way in which the rows disagree: which invariant, and which rows."""

    invariant: str
    sentence: str


def check_rows() -> Iterator[Finding]:
    """I1 and I6 on live data: nothing is in both tables, nothing is stuck."""
    [(both, stuck)] = sql.fetch("delivery", "reconcile")
    if both:
        yield Finding("I1", f"{both} messages are in the outbox and in the ledger.")
    if stuck:
        yield Finding("I6", f"{stuck} rows carry a lease that ended over a minute ago.")


def check_journal(path: Path) -> Iterator[Finding]:
    """I2 and I3 against a sink's journal: no silent repeat, and the ledger is what arrived."""
    arrived = _read_journal(path)
    sent = _message_ids(SendLedger.objects.filter(outcome=Outcome.SENT))
    # A message that somebody sent again out of doubt may have arrived twice, and is no surprise.
    resent = set(
        AuditEntry.objects.filter(verb="message.resent").values_list("object_id", flat=True)
    )
    expected_twice = _message_ids(SendLedger.objects.filter(pk__in=resent))
    silent = [key for key, count in arrived.items() if count > 1 and key not in expected_twice]
    if silent:
        yield Finding("I2", f"{len(silent)} messages arrived twice in silence, e.g. {silent[0]}.")
    if missing := sent - arrived.keys():
        yield Finding("I3", f"{len(missing)} messages count as sent and never arrived.")
    if surprises := arrived.keys() - sent - _message_ids(Outbox.objects.in_doubt()):
        yield Finding("I3", f"{len(surprises)} messages arrived and are not known as sent.")


def _message_ids(rows: QuerySet[SendLedger] | QuerySet[Outbox]) -> set[str]:
    columns = rows.values_list(*MessageKey._fields, "sender__email")
    return {MessageKey(*key).message_id(email) for *key, email in columns.iterator()}


def _read_journal(path: Path) -> Counter[str]:
    with path.open(encoding="utf-8") as lines:
        entries = (json.loads(line) for line in lines)
        return Counter(entry["message_id"] for entry in entries if entry["code"] == 250)
