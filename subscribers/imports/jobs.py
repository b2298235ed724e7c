"""The verbs of an import whose file is stored: upload, set up, check, start, cancel, resume, undo.

They write down what is wanted; the tick (`work`) does it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock, state, text
from emailseq.lib.errors import Conflict, Invalid
from subscribers.imports import encodings, parts, presets
from subscribers.imports.chunks import Policy
from subscribers.imports.mapping import Column, chosen
from subscribers.imports.read import Layout, examine, marked_encoding, rows
from subscribers.imports.run import COUNTS, next_event_id
from subscribers.models import CustomField, Import, ImportPart, List
from subscribers.services import Consent, evidence_of
from subscribers.states import IMPORT_MOVES, ImportKind, ImportState, SuppressionReason

SAMPLES = 5
_SETTINGS = ("list", "kind", "targets", "policy", "confirmed", "consent_source", "reason")
_CHOICES = {"kind": ImportKind, "policy": Policy, "reason": SuppressionReason}


@transaction.atomic
def upload(
    workspace: Workspace,
    *,
    file_name: str,
    content: Iterable[bytes],
    by: Actor,
    encoding: str = "",
    at_once: bool = False,
    **settings: Any,
) -> Import:
    """Store a file, see how it is written and guess what its columns mean; nobody comes in yet.

    Settings as of `set_up`; `at_once` starts it. Raises Invalid for a file that people
    cannot be read from.
    """
    text.check(file_name=file_name)
    job = Import.objects.create(
        workspace=workspace,
        file_name=Path(file_name).name[:254] or "people.csv",
        state=ImportState.DRAFT,
        stored=True,
    )
    job.digest = parts.store(job, content)
    with parts.laid_out(job) as path:
        _look_into(job, path, encoding)
    guessed = presets.settings_of(job.layout, declared=_declared(job))
    job.save(update_fields=["digest", "total_lines", "layout"])
    _apply(job, guessed | settings)
    audit.record(workspace, "import.uploaded", by=by, on=job)
    return start(job, by=by) if at_once else job


@transaction.atomic
def set_up(job: Import, *, by: Actor, encoding: str = "", **settings: Any) -> Import:
    """Say how a file is read, where its columns go and what it may change, before it starts.

    Settings: list, kind, targets, policy, confirmed, consent_source, reason. Another encoding
    makes the targets be guessed anew. Raises Invalid, and StateConflict once it has started.
    """
    _move(job, "change", preview=None, fault="")
    parts.forget(job, ImportPart.Kind.REFUSED)
    if encoding and encoding != job.layout["encoding"]:
        with parts.laid_out(job) as path:
            _look_into(job, path, encoding)
        guessed = presets.settings_of(job.layout, declared=_declared(job))
        job.save(update_fields=["layout"])
        settings = {"targets": guessed["targets"]} | settings
    _apply(job, settings)
    return job


@transaction.atomic
def check(job: Import, *, by: Actor) -> Import:
    """Have a dry run made: what the import would do, and the rows it would refuse."""
    check_ready(job)
    _move(job, "check", fault="", touched_at=clock.now(), line_count=0)
    parts.forget(job, ImportPart.Kind.REFUSED)
    return job


@transaction.atomic
def start(job: Import, *, by: Actor) -> Import:
    """Have the people brought in; a tick does it, and goes on with it whatever is killed."""
    check_ready(job)
    digest = hashlib.sha256(f"{job.digest} {job.public_id}".encode()).hexdigest()
    _move(
        job,
        "start",
        digest=digest,
        fault="",
        line_count=0,
        started_by=asdict(by),
        first_event_id=next_event_id(),
        touched_at=clock.now(),
    )
    parts.forget(job, ImportPart.Kind.REFUSED)
    changes = {name: getattr(job, name) for name in ("kind", "policy", "consent_source")}
    changes |= {"confirmed": job.confirmed, "list": job.list and job.list.slug}
    audit.record(job.workspace_id, "import.started", by=by, on=job, changes=changes)
    return job


@transaction.atomic
def cancel(job: Import, *, by: Actor) -> Import:
    """Stop an import before its next ten thousand rows; what is in stays in until it is undone."""
    if _move(job, "cancel", finished_at=clock.now()):
        counts = {name: getattr(job, f"{name}_count") for name in COUNTS}
        audit.record(job.workspace_id, "import.cancelled", by=by, on=job, changes=counts)
        parts.forget_file(job)
    return job


@transaction.atomic
def resume(job: Import, *, by: Actor) -> Import:
    """Let a failed import go on behind the last rows that came in."""
    if not job.stored:
        raise Conflict("The file is not here: run `import_subscribers` with it again.")
    if _move(job, "resume", fault="", touched_at=clock.now()):
        audit.record(job.workspace_id, "import.resumed", by=by, on=job)
    return job


@transaction.atomic
def undo(job: Import, *, by: Actor) -> Import:
    """Take back what an import has brought: people who have done nothing since, values that
    nobody has changed since, places on the list, suppressions. The report tells what stays.
    """
    if job.first_event_id is None and job.line_count:
        raise Conflict("This import is older than what could undo it.")
    first = (job.first_event_id or 1) - 1
    asked = {"started_by": asdict(by), "undone_event_id": first, "undone_xid": None}
    if _move(job, "undo", undo_report={}, touched_at=clock.now(), fault="", **asked):
        parts.forget(job, ImportPart.Kind.KEPT)
        audit.record(job.workspace_id, "import.undo_started", by=by, on=job)
    return job


def check_ready(job: Import) -> None:
    """Raises Invalid unless all that a start needs has been said."""
    columns_of_job(job)
    if job.kind == ImportKind.SUPPRESSIONS:
        return
    list_of(job)
    consent = Consent(job.consent_source) if job.consent_source else None
    evidence_of(consent, confirmed=job.confirmed)


def list_of(job: Import) -> List:
    """Where its people go. Raises Invalid when nobody has said so, or the list is put away."""
    if job.list is None or job.list.archived_at:
        raise Invalid.field("list", "required", "Say on which list the people go.")
    return job.list


def columns_of_job(job: Import) -> list[Column]:
    """Where its columns go. Raises Invalid when they are not all said, or fields have gone."""
    return chosen(job.layout["header"], job.targets, declared=_declared(job))


def layout_of(job: Import, path: Path) -> Layout:
    """How the stored file is written, which lies at `path` now."""
    told = {name: value for name, value in job.layout.items() if name not in ("samples", "preset")}
    return Layout(path, **{**told, "header": tuple(told["header"])})


def _declared(job: Import) -> Iterable[CustomField]:
    return CustomField.objects.of(job.workspace)


def _look_into(job: Import, path: Path, encoding: str) -> None:
    with path.open("rb") as file:
        sample = file.read(encodings.SAMPLE)
    guess = "" if encoding or marked_encoding(sample[:4]) else _guess(path, sample)
    layout = examine(path, encoding=encoding or guess or None, headless=True)
    job.layout = {
        "encoding": layout.encoding,
        "assumed": guess not in ("", "utf-8"),  # whatever is UTF-8 throughout is nothing else
        "delimiter": layout.delimiter,
        "header": list(layout.header),
        "head_lines": layout.head_lines,
        "samples": _samples(layout),
    }
    text.check(file=job.layout["header"])


def _guess(path: Path, sample: bytes) -> str:
    """UTF-8 has to hold to the end of the file; else the guess is made of where it does not."""
    guess = encodings.guess(sample)
    if guess != "utf-8":
        return guess
    with path.open("rb") as file:
        if encodings.is_utf8(iter(lambda: file.read(1 << 20), b"")):
            return guess
        file.seek(0)
        return encodings.guess(b"".join(line for line in file if not line.isascii())[: 1 << 20])


def _samples(layout: Layout) -> list[list[str]]:
    """Some values of each column, as far as they can be shown."""
    found = [row.cells for row in islice(rows(layout), 50) if not row.fault]
    return [
        [cells[n][:60] for cells in found if n < len(cells) and cells[n].strip()][:SAMPLES]
        for n in range(len(layout.header))
    ]


def _apply(job: Import, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        if name not in _SETTINGS:
            raise TypeError(name)
        if name in _CHOICES and value not in _CHOICES[name].values:
            raise Invalid.field(name, "invalid_choice", f"“{value}” is no choice here.")
        setattr(job, name, value)
    text.check(consent_source=job.consent_source)
    if "targets" in settings:
        _check_targets(job, settings["targets"])
    job.save(update_fields=list(settings))


def _check_targets(job: Import, targets: Sequence[str]) -> None:
    """An address may be missing as yet."""
    try:
        chosen(job.layout["header"], targets, declared=_declared(job))
    except Invalid as error:
        if {problem.code for problem in error.errors} != {"no_address"}:
            raise


def _move(job: Import, verb: str, **changes: Any) -> bool:
    return state.move_one(job, verb, IMPORT_MOVES, **changes)
