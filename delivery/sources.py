"""What is done alike to a sequence and to a campaign: lock it, move it, put that on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts import audit
from accounts.audit import Actor
from delivery.models import MessageSource
from emailseq.lib import clock, state
from emailseq.lib.errors import Stale
from emailseq.lib.state import Move
from subscribers import events
from subscribers.events import NewEvent


def lock(source: MessageSource, expected_revision: int | None = None) -> None:
    """Lock and refresh it. Raises Stale when somebody changed it after `expected_revision`."""
    rows = type(source)._default_manager.select_for_update(no_key=True)
    source.refresh_from_db(from_queryset=rows)
    if expected_revision not in (None, source.revision):
        raise Stale(f"Somebody else has changed “{source}”; look at it again.")


def move(
    source: MessageSource,
    verb: str,
    moves: Mapping[str, Move],
    kind: str,
    *,
    by: Actor,
    because: str = "",
    **changes: Any,
) -> bool:
    """Move its state as `state.move_one` does and, if it moved, put that on record as `kind`."""
    moved = state.move_one(source, verb, moves, **changes)
    if moved:
        record(source, kind, by=by, **({"reason": because} if because else {}))
    return moved


def record(source: MessageSource, kind: str, *, by: Actor, **details: Any) -> None:
    """Write what was done with a whole source to the event log and to the audit trail."""
    event = NewEvent(
        source.workspace_id,
        None,
        kind,
        clock.now(),
        source.source_kind,
        source.pk,
        properties={"by": by.kind, **details},
    )
    events.record_many([event])
    audit.record(source.workspace_id, kind, by=by, on=source, changes=details)
