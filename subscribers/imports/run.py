"""An import: a file of people into a list, chunk by chunk, each chunk one transaction.

Whatever dies in between, the next run of the same file goes on behind the last chunk that was
committed: the people, their places, the events and the line count of a chunk are in together.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any, Protocol

import psycopg
from django.db import OperationalError, connection, transaction

from accounts import audit
from accounts.audit import Actor
from emailseq.lib import clock, sql, state
from emailseq.lib.errors import Conflict
from subscribers import events, kinds
from subscribers.events import NewEvent
from subscribers.imports import parts
from subscribers.imports.chunks import Chunk, Policy, chunks_of, leave_out_erased, stage
from subscribers.imports.mapping import Column, columns_of
from subscribers.imports.read import Layout, Row
from subscribers.imports.refused import ErrorFile
from subscribers.imports.suppressing import suppress_keys
from subscribers.models import CustomField, Import, List
from subscribers.services import Consent, evidence_of
from subscribers.states import IMPORT_MOVES, ImportState, OptIn, SubscriptionState

COUNTS = ("created", "updated", "unchanged", "refused")


class Stopped(Exception):
    """Somebody has cancelled the import."""


class Refusals(Protocol):
    """Where refused rows go."""

    def add(self, refused: Iterable[tuple[Row, str]]) -> None: ...


def import_people(
    layout: Layout,
    *,
    to: List,
    by: Actor,
    error_path: Path,
    consent: Consent | None = None,
    confirmed: bool = False,
    policy: str = Policy.OVERWRITE,
    progress: Callable[[Import], None] = lambda job: None,
) -> Import:
    """Bring the people of a file in and put them on a list, as `subscribe` would one by one.

    The policy says what a row may change of who is there; what it leaves empty stays, who left
    stays left. Refused rows go to the file `error_path`. `progress` is called after each chunk.
    Raises Invalid for a file that cannot be taken at all, Conflict while another import into the
    list is running, or when this one is cancelled.
    """
    evidence_of(consent, confirmed=confirmed)
    columns = columns_of(layout.header, declared=CustomField.objects.of(to.workspace))
    with alone(to):
        job = _begin(layout, to=to, by=by, consent=consent, confirmed=confirmed, policy=policy)
        progress(job)
        try:
            error_file = ErrorFile(error_path, layout=layout, done_lines=job.line_count)
            told: dict[str, Any] = {"by": by, "refusals": error_file, "progress": progress}
            carry_on(job, layout, columns, to=to, **told)
        except Stopped as stop:
            raise Conflict(f"“{job}” has been cancelled.") from stop
        except Exception:
            state.move(Import.objects.filter(pk=job.pk), IMPORT_MOVES["fail"])
            raise
    return job


def carry_on(
    job: Import,
    layout: Layout,
    columns: Sequence[Column],
    *,
    to: List,
    by: Actor,
    refusals: Refusals,
    until: float = inf,
    progress: Callable[[Import], None] = lambda job: None,
) -> bool:
    """Bring in what stands behind the job's line count; False at `time.monotonic() > until`.

    Raises Stopped once it is cancelled: what was brought in until then stays.
    """
    facts = _facts(job, to=to, by=by)
    for chunk in chunks_of(layout, columns, policy=job.policy, after=job.line_count):
        _store(job, chunk, refusals, facts, to=to)
        progress(job)
        if time.monotonic() > until:
            return False
    finish(job, by=by)
    return True


@contextmanager
def alone(to: List) -> Iterator[None]:
    """One import per list at a time; waits as long as for any lock, then Conflict."""
    key = f"import into list {to.pk}"
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
            detail = f"Another import into “{to}” is running: start this one when it has ended."
            raise Conflict(detail) from error
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


@transaction.atomic
def _begin(
    layout: Layout, *, to: List, by: Actor, consent: Consent | None, confirmed: bool, policy: str
) -> Import:
    """The run that was cut off, if there is one, else a new one: of this file, taken this way."""
    with layout.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(repr((layout.encoding, consent, confirmed)).encode())
    if policy != Policy.OVERWRITE:  # so that what began before there was a choice goes on
        digest.update(policy.encode())
    same = Import.objects.filter(list=to, digest=digest.hexdigest(), stored=False)
    cut_off = same.filter(state__in=[ImportState.RUNNING, ImportState.FAILED])
    if job := cut_off.order_by("-id").first():
        state.move_one(job, "resume", IMPORT_MOVES)
        return job
    job = Import.objects.create(
        workspace=to.workspace,
        list=to,
        file_name=layout.path.name.encode(errors="replace").decode()[:254],
        digest=digest.hexdigest(),
        policy=policy,
        confirmed=confirmed,
        consent_source=consent.source[:200] if consent else "",
        first_event_id=next_event_id(),
    )
    changes = {"list": to.slug, "consent_source": job.consent_source, "confirmed": confirmed}
    if policy != Policy.OVERWRITE:
        changes["policy"] = policy
    audit.record(to.workspace_id, "import.started", by=by, on=job, changes=changes)
    return job


def next_event_id() -> int:
    """No event of a transaction that begins now has a smaller id."""
    [(last,)] = sql.fetch("subscribers", "last_event_id")
    return int(last) + 1


def _facts(job: Import, *, to: List, by: Actor) -> dict[str, Any]:
    """What the statements that store a chunk are told about its import."""
    consent = Consent(job.consent_source) if job.consent_source else None
    at_once = job.confirmed or to.opt_in == OptIn.SINGLE
    return evidence_of(consent, confirmed=job.confirmed) | {
        "workspace_id": job.workspace_id,
        "list_id": to.pk,
        "created": kinds.SUBSCRIBER_CREATED,
        "updated": kinds.SUBSCRIBER_UPDATED,
        "placed": kinds.SUBSCRIPTION_CONFIRMED if at_once else kinds.SUBSCRIPTION_PENDING,
        "state": SubscriptionState.CONFIRMED if at_once else SubscriptionState.PENDING,
        "pending": SubscriptionState.PENDING,
        "at_once": at_once,
        "confirmed": job.confirmed,
        "properties": json.dumps({"by": by.kind, "list_id": to.pk, "import": job.public_id}),
    }


@transaction.atomic
def _store(
    job: Import, chunk: Chunk, refusals: Refusals, facts: dict[str, Any], *, to: List
) -> None:
    if chunk.refused:
        # On a disk before the chunk commits: a row too many is dropped by the run that resumes.
        refusals.add(chunk.refused)
    job.erased_count += leave_out_erased(chunk, to=to)
    stage(chunk, to=to, policy=job.policy)
    facts = facts | {"now": clock.now()}
    [(created, updated)] = sql.fetch("subscribers", "import_people", facts)
    sql.run("subscribers", "import_places", facts)
    job.suppressed_count += suppress_keys(chunk.barred, job=job)
    job.line_count = chunk.last_line
    job.created_count += created
    job.updated_count += updated
    job.unchanged_count += len(chunk.people) - created - updated + chunk.repeated_count
    job.refused_count += len(chunk.refused)
    save_progress(job)


def save_progress(job: Import) -> None:
    """Keep how far it is, in the transaction that got it there. Raises Stopped when cancelled."""
    counts = (*COUNTS, "suppressed", "erased")
    names = ("line_count", *(f"{name}_count" for name in counts))
    [(last,)] = sql.fetch("subscribers", "last_event_id")
    running = Import.objects.filter(pk=job.pk, state=ImportState.RUNNING)
    counted = {name: getattr(job, name) for name in names}
    if not running.update(**counted, last_event_id=last, touched_at=clock.now()):
        raise Stopped


@transaction.atomic
def finish(job: Import, *, by: Actor) -> None:
    """Say that it has reached the end of its file."""
    if not state.move_one(job, "finish", IMPORT_MOVES, finished_at=clock.now()):
        return
    if job.stored:
        parts.forget_file(job)
    counts = {name: getattr(job, f"{name}_count") for name in COUNTS}
    audit.record(job.workspace_id, "import.finished", by=by, on=job, changes=counts)
    properties = {**counts, "by": by.kind, "list_id": job.list_id, "import": job.public_id}
    finished = NewEvent(
        job.workspace_id, None, kinds.IMPORT_FINISHED, clock.now(), properties=properties
    )
    events.record_many([finished])
