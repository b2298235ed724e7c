"""The tick of imports: goes on with the one that has waited longest, a slice of time at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.db import DatabaseError, connection

from accounts.audit import Actor
from emailseq.lib import clock, state
from emailseq.lib.errors import AppError, Conflict
from subscribers.imports import jobs, parts, run, suppressions, undo
from subscribers.imports.dry_run import look_ahead, preview_suppressions
from subscribers.imports.mapping import Column
from subscribers.imports.read import Layout
from subscribers.models import Import, ImportPart
from subscribers.states import IMPORT_MOVES, ImportKind, ImportState

SLICE = 20.0


def go_on(*, seconds: float = SLICE) -> int:
    """Go on with what waits for about so long; whether anything did.

    One process at a time does: two files at once would only wait for each other's disk.
    """
    if not Import.objects.waiting().exists():
        return 0
    with _alone() as mine:
        job = Import.objects.waiting().select_related("list", "workspace").first() if mine else None
        if job is None:
            return 0
        Import.objects.filter(pk=job.pk).update(touched_at=clock.now())
        _go_on_with(job, until=time.monotonic() + seconds)
        return 1


def _go_on_with(job: Import, *, until: float) -> None:
    try:
        match job.state:
            case ImportState.CHECKING:
                _check(job)
            case ImportState.RUNNING:
                _run(job, until=until)
            case ImportState.UNDOING:
                undo.carry_on(job, by=_actor(job), until=until)
    except (run.Stopped, Conflict):
        return  # cancelled; or a command imports into the list: later
    except AppError as error:
        _fail(job, error.detail)
    except DatabaseError:
        raise  # the next tick tries again
    except Exception:
        _fail(job, "Something went wrong that the log tells of.")
        raise


def _check(job: Import) -> None:
    parts.forget(job, ImportPart.Kind.REFUSED, ImportPart.Kind.HINTS)  # of a check that was cut off
    with parts.laid_out(job) as path:
        layout, columns = jobs.layout_of(job, path), jobs.columns_of_job(job)
        refusals = parts.StoredRefusals(job, layout.header)
        would = _preview(job, layout, columns, refusals)
    state.move_one(job, "report", IMPORT_MOVES, preview=would, line_count=0)


def _preview(
    job: Import, layout: Layout, columns: Sequence[Column], refusals: run.Refusals
) -> dict[str, Any]:
    def progress(lines: int) -> None:
        checking = Import.objects.filter(pk=job.pk, state=ImportState.CHECKING)
        if not checking.update(line_count=lines):
            raise run.Stopped

    told: dict[str, Any] = {"refusals": refusals, "progress": progress}
    if job.kind == ImportKind.SUPPRESSIONS:
        told |= {"workspace": job.workspace, "reason": job.reason}
        return preview_suppressions(layout, columns, **told)
    to = jobs.list_of(job)
    told |= {"to": to, "policy": job.policy, "odd": parts.Odd(job).add}
    return asdict(look_ahead(layout, columns, **told))


def _run(job: Import, *, until: float) -> None:
    columns = jobs.columns_of_job(job)
    with parts.laid_out(job) as path:
        layout = jobs.layout_of(job, path)
        refusals = parts.StoredRefusals(job, layout.header)
        told: dict[str, Any] = {"by": _actor(job), "refusals": refusals, "until": until}
        if job.kind == ImportKind.SUPPRESSIONS:
            suppressions.carry_on(job, layout, columns, **told)
            return
        to = jobs.list_of(job)
        with run.alone(to):
            run.carry_on(job, layout, columns, to=to, **told)


def _actor(job: Import) -> Actor:
    return Actor(**(job.started_by or {}))


def _fail(job: Import, why: str) -> None:
    """Say why it cannot go on; a check goes back to who asked for it."""
    for verb in ("send_back", "fail"):
        state.move(Import.objects.filter(pk=job.pk), IMPORT_MOVES[verb], fault=why[:500])


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this process is the one; the database knows when it dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('imports', 0))")
        [mine] = cursor.fetchone()
        try:
            yield mine
        finally:
            if mine:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended('imports', 0))")
