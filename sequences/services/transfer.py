"""Move those who are inside to the version that was published, or let them leave.

`publish` writes down what is to become of them (a Transfer); a tick does it, some people at a time,
each time in one transaction. So a kill loses nothing, and the next tick goes on where it stopped.

Whoever moves keeps their place, as `sequences.places` has it, and is due at once: the engine finds
out how long a wait still takes, counted from when they came to it. Their messages in the outbox
stay, but for those of emails that are no more: these are cancelled.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Min

from accounts.audit import SYSTEM
from delivery import services as delivery
from emailseq.lib import clock, sql
from sequences import kinds, places
from sequences.events import of_run
from sequences.models import Enrollment, SequenceVersion, Transfer
from sequences.runs import program_of
from sequences.services import lifecycle
from sequences.states import LIVE_RUN, Fate
from subscribers import events

CHUNK = 1000
BUDGET_SECONDS = 1.0


class _Moved(NamedTuple):
    """A run, and where it goes on."""

    run: Enrollment
    place: str


def transfer(limit: int = CHUNK) -> int:
    """Handle people who are to move or leave, `limit` at a time, for about a second; how many."""
    until = time.monotonic() + BUDGET_SECONDS
    handled = 0
    while count := transfer_batch(limit):
        handled += count
        if time.monotonic() > until:
            break
    return handled


@transaction.atomic
def transfer_batch(limit: int) -> int:
    """Handle up to `limit` people of one transfer; how many, 0 if there is nothing to do."""
    # The oldest of each sequence first: people go through the versions in order.
    unfinished = Transfer.objects.filter(finished_at=None)
    oldest = unfinished.values("version__sequence").annotate(first=Min("pk")).values("first")
    ready = unfinished.filter(pk__in=oldest).order_by("pk").select_related("version__sequence")
    task = ready.select_for_update(skip_locked=True, no_key=True, of=("self",)).first()
    return _Batch(task, limit).handle() if task else 0


class _Batch:
    """Some of the people of a transfer, in the order of their ids."""

    def __init__(self, task: Transfer, limit: int) -> None:
        self.task, self.limit = task, limit
        self.version, self.sequence = task.version, task.version.sequence
        self.new = program_of(task.version_id)

    def handle(self) -> int:
        page = self._page()
        runs = self._lock([run_id for run_id, _ in page])
        leaving = [run for run in runs if self._fate(run) == Fate.EXIT]
        moving = [run for run in runs if self._fate(run) == Fate.MOVE]
        if leaving:
            reason = f"left when version {self.version.number} was published"
            of_leaving = Enrollment.objects.filter(pk__in=[run.pk for run in leaving])
            lifecycle.exit(of_leaving, by=SYSTEM, reason=reason)
        if moving:
            self._move(moving)
        self._note(page, moved=len(moving), exited=len(leaving))
        return len(page)

    def _page(self) -> list[tuple[int, int]]:
        """The next runs on older versions, with their subscribers: found by `one_live_run`."""
        older = SequenceVersion.objects.filter(
            sequence=self.sequence, number__lt=self.version.number
        )
        runs = Enrollment.objects.filter(
            sequence=self.sequence,
            state__in=LIVE_RUN,
            subscriber__gt=self.task.reached,
            version__in=[*older.values_list("pk", flat=True)],
        )
        return [*runs.order_by("subscriber").values_list("pk", "subscriber")[: self.limit]]

    def _lock(self, run_ids: Sequence[int]) -> list[Enrollment]:
        """Lock those that are still inside, in the order in which everybody locks them."""
        live = Enrollment.objects.live().filter(pk__in=run_ids).order_by("pk")
        return [*live.select_for_update(no_key=True, of=("self",))]

    def _fate(self, run: Enrollment) -> str:
        key = run.position.partition("/")[0]
        return str(self.task.fates.get(key, self.task.fate))

    def _move(self, runs: list[Enrollment]) -> None:
        now, had = clock.db_now(), self._had(runs)
        moved = [_Moved(run, self._place(run, had.get(run.pk, set()))) for run in runs]
        self._write_down(moved, now=now)
        emails = {key for run in runs for key in program_of(run.version_id).emails}
        if gone := emails - {*self.new.emails}:
            people = [run.subscriber_id for run in runs]
            delivery.cancel(**self.sequence.source, subscriber_ids=people, step_keys=sorted(gone))
        events.record_many(
            of_run(run, kinds.ENROLLMENT_MOVED, at=now, step_key=run.position) for run in runs
        )

    def _place(self, run: Enrollment, had: set[str]) -> str:
        return places.relocate(program_of(run.version_id), self.new, run.position, had)

    def _had(self, runs: list[Enrollment]) -> dict[int, set[str]]:
        """The emails and actions that each run has come by, by its id: the log knows."""
        columns = sql.columns(
            ("id", "subscriber_id", "run", "started_at"),
            [(run.pk, run.subscriber_id, run.run, run.started_at) for run in runs],
        )
        effects = places.effects(iter(self.new))
        parameters = {**columns, "sequence_id": self.sequence.pk, "step_keys": sorted(effects)}
        had: dict[int, set[str]] = {}
        for run_id, step_key in sql.fetch("sequences", "had", parameters):
            had.setdefault(run_id, set()).add(step_key)
        return had

    def _write_down(self, moved: Iterable[_Moved], *, now: datetime) -> None:
        names = ("id", "position", "awaits", "entered_step_at")
        rows = [
            (
                run.pk,
                place,
                run.awaits if run.awaits in self.new else "",
                run.entered_step_at if place == run.position else now,
            )
            for run, place in moved
        ]
        columns = sql.columns(names, rows)
        sql.run("sequences", "transfer", {**columns, "version_id": self.version.pk, "now": now})

    def _note(self, page: list[tuple[int, int]], *, moved: int, exited: int) -> None:
        self.task.moved_count += moved
        self.task.exited_count += exited
        if page:
            _, self.task.reached = page[-1]
        if len(page) < self.limit:
            self.task.finished_at = clock.db_now()
        self.task.save(update_fields=["moved_count", "exited_count", "reached", "finished_at"])
