"""Make runs due that wait for what the log has to tell: what they do then, the engine decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from delivery import kinds as messages
from delivery.states import SourceKind
from emailseq.lib import clock, sql
from sequences import signals
from sequences.models import Enrollment
from sequences.runs import program_of
from sequences.states import EnrollmentState
from subscribers.models import Event

FINISHED = (
    messages.MESSAGE_SENT,
    messages.MESSAGE_SKIPPED,
    messages.MESSAGE_FAILED,
    messages.MESSAGE_IN_DOUBT,
)


def wake(batch: Iterable[Event]) -> int:
    """Make runs due whose message is finished, or in doubt, if it is that which they wait for."""
    finished = {
        (event.source_id, event.subscriber_id, event.step_key)
        for event in batch
        if event.kind in FINISHED and event.source_kind == SourceKind.SEQUENCE
    }
    if not finished:
        return 0
    columns = sql.columns(("sequence_id", "subscriber_id", "step_key"), finished)
    return sql.run("sequences", "wake", {**columns, "now": clock.db_now()})


def rouse(batch: Iterable[Event]) -> int:
    """Make runs due that stand at a wait which may be over, or end at another time, by an event.

    Those that are due anyway are taken along: the engine may be at them, and come to such a wait
    without having seen the event.
    """
    heard: dict[int | None, set[str]] = defaultdict(set)
    for event in batch:
        if event.subscriber_id and not event.late:
            heard[event.subscriber_id].add(signals.signal(event.kind, event.name))
    now = clock.db_now()
    active = Enrollment.objects.filter(subscriber__in=heard, state=EnrollmentState.ACTIVE)
    standing = active.values_list("pk", "subscriber", "version", "position", "due_at")
    ids = [
        pk
        for pk, person, version, position, due_at in standing
        if due_at <= now or _listens(version, position) & heard[person]
    ]
    return sql.run("sequences", "rouse", {"ids": ids, "now": now}) if ids else 0


@lru_cache(maxsize=10_000)
def _listens(version_id: int, position: str) -> frozenset[str]:
    try:
        return signals.of_step(program_of(version_id).at(position))
    except Exception:  # noqa: BLE001 - a rotten program is told when its run is interpreted
        return frozenset()
