"""Goals as numbers: each run reaches one at most, within 30 days, whether it has ended or not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from emailseq.lib import clock, sql
from sequences import kinds
from sequences.events import of_run
from sequences.models import Enrollment
from sequences.states import EnrollmentState
from subscribers import events
from subscribers.events import NewEvent

_RUN = ("sequence_id", "subscriber_id", "run", "started_at")


def count(run_ids: Collection[int]) -> int:
    """Count a goal for those of these runs for which one counts yet; how many they were.

    In the caller's transaction. The messages that a run has got take credit for it; who is held
    out has got none.
    """
    now = clock.db_now()
    counting = Enrollment.objects.filter(pk__in=run_ids, goal_until__gt=now).order_by("pk")
    runs = [*counting.select_for_update(no_key=True)]
    if runs:
        Enrollment.objects.filter(pk__in=[run.pk for run in runs]).update(goal_until=None)
        events.record_many(_events(runs, at=now))
    return len(runs)


def _events(runs: Collection[Enrollment], *, at: datetime) -> Iterator[NewEvent]:
    by_id = {run.pk: run for run in runs}
    for run in runs:
        group = kinds.group(run.compared, run.state == EnrollmentState.HELD_OUT)
        yield of_run(run, kinds.GOAL_REACHED, at=at, verdict=group)
    columns = {name: [getattr(run, name) for run in runs] for name in _RUN}
    for run_id, message_id, step_key, variant in sql.fetch(
        "sequences", "credited", sql.packed({"id": [*by_id], **columns})
    ):
        credit = of_run(by_id[run_id], kinds.GOAL_CREDITED, at=at, step_key=step_key)
        yield credit._replace(message_id=message_id, variant=variant)
