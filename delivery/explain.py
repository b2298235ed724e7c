"""Why did, or didn't, somebody get something? Every gate and its answer, for one person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from delivery.models import Outbox, SendLedger
from emailseq.lib import sql
from subscribers.models import List, Subscriber


class Gate(NamedTuple):
    """One question that is asked before a message leaves."""

    gate: str
    passed: bool
    because: str


def gates(
    subscriber: Subscriber, kind: str, source_id: int, *, consent_list: List | None
) -> list[Gate]:
    """The answers of the gate for this person and source, as of now."""
    parameters = {
        "subscriber_id": subscriber.pk,
        "kind": kind,
        "source_id": source_id,
        "list_id": consent_list.pk if consent_list else None,
    }
    [(archived_at, suppressed, subscribed, held)] = sql.fetch("delivery", "explain", parameters)
    scope = f"“{consent_list}”" if consent_list else "a list"
    return [
        Gate("archived", archived_at is None, f"since {archived_at}" if archived_at else "no"),
        Gate("suppressed", suppressed is None, suppressed or "no"),
        Gate("consent", subscribed, f"{'' if subscribed else 'not '}confirmed on {scope}"),
        Gate("running", not held, f"the {kind} {'is held' if held else 'may send'}"),
    ]


def messages(subscriber: Subscriber, kind: str, source_id: int) -> Iterator[str]:
    """A line for each message of a source to a person, oldest first."""
    own = {"kind": kind, "source_id": source_id, "subscriber": subscriber}
    for sent in SendLedger.objects.filter(**own).order_by("id"):
        detail = sent.reason or sent.reply
        yield f"{sent.step_key or 'message'}: {sent.outcome} {sent.finished_at:%F %T} · {detail}"
    for row in Outbox.objects.filter(**own).order_by("id"):
        yield f"{row.step_key or 'message'}: {_place(row)}"


def _place(row: Outbox) -> str:
    if row.doubt_at:
        return f"in doubt since {row.doubt_at:%F %T}: may or may not have left"
    if row.wire_at:
        return "on the wire"
    if row.held_at:
        return f"held since {row.held_at:%F %T}"
    last = f", last reply {row.last_reply}" if row.last_reply else ""
    return f"due {row.run_at:%F %T}, attempts {row.attempts}{last}"
