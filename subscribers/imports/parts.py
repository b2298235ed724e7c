"""The files of an import in the database, where every process of the product finds them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q

from emailseq.lib import clock, state
from emailseq.lib.errors import Invalid
from subscribers.cells import inert
from subscribers.hygiene import Hint
from subscribers.imports.read import Row
from subscribers.imports.refused import columns_of_refused, line_of
from subscribers.models import Import, ImportPart
from subscribers.states import IMPORT_MOVES

MAX_BYTES = 100 * 1024 * 1024
LISTED = ("email", "first_name", "last_name", "time_zone", "fields")
KEPT = timedelta(days=30)
_PART = 1024 * 1024


class Lines:
    """Rows of CSV that become a part of an import: in the transaction of what they tell of."""

    def __init__(self, job: Import, kind: ImportPart.Kind, header: Sequence[str]) -> None:
        self.job, self.kind, self.header = job, kind, header

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        last = self.job.parts.filter(kind=self.kind).aggregate(last=Max("number"))["last"]
        text = io.StringIO()
        csv.writer(text).writerows([self.header, *rows] if last is None else rows)
        ImportPart.objects.create(
            job=self.job, kind=self.kind, number=(last or 0) + 1, content=text.getvalue().encode()
        )


class StoredRefusals(Lines):
    """What `ErrorFile` is on a disk."""

    def __init__(self, job: Import, header: Sequence[str]) -> None:
        super().__init__(job, ImportPart.Kind.REFUSED, columns_of_refused(header))

    def add(self, refused: Iterable[tuple[Row, str]]) -> None:
        self.write(line_of(row, reason) for row, reason in refused)


class Odd(Lines):
    """Addresses that come in, and what is odd about each."""

    def __init__(self, job: Import) -> None:
        super().__init__(job, ImportPart.Kind.HINTS, ("email", "hint", "what", "perhaps"))

    def add(self, found: Iterable[tuple[str, Hint]]) -> None:
        if rows := [[inert(cell) for cell in (email, *hint)] for email, hint in found]:
            self.write(rows)


class Kept(Lines):
    """What an undo leaves alone, and why."""

    def __init__(self, job: Import) -> None:
        super().__init__(job, ImportPart.Kind.KEPT, ("email", "what", "why"))

    def add(self, rows: Iterable[tuple[str, str, str]]) -> None:
        if found := [[inert(cell) for cell in row] for row in rows]:
            self.write(found)


def store(job: Import, blocks: Iterable[bytes]) -> str:
    """Keep a file; returns its SHA-256. Sets `total_lines`. Raises Invalid when it is too large."""
    digest, size, lines, number = hashlib.sha256(), 0, 0, 0
    for number, piece in enumerate(_pieces(blocks), 1):
        if (size := size + len(piece)) > MAX_BYTES:
            detail = "A file takes at most 100 MB here; `import_subscribers` takes larger ones."
            raise Invalid.field("file", "too_large", detail)
        digest.update(piece)
        lines += piece.count(b"\n") or piece.count(b"\r")
        kind = ImportPart.Kind.FILE
        ImportPart.objects.create(job=job, kind=kind, number=number, content=piece)
    job.total_lines = lines
    return digest.hexdigest()


def csv_of(people: Iterable[Mapping[str, Any]]) -> bytes:
    """People who come one by one as the file that they would come in, by the columns LISTED."""
    text = io.StringIO()
    rows = (
        [person.get(name, "") for name in LISTED[:-1]] + [json.dumps(person.get("fields", {}))]
        for person in people
    )
    csv.writer(text).writerows([LISTED, *rows])
    return text.getvalue().encode()


def contents(job: Import, kind: ImportPart.Kind) -> Iterator[bytes]:
    """A file of the import, part by part."""
    parts = job.parts.filter(kind=kind).order_by("number")
    for content in parts.values_list("content", flat=True).iterator(chunk_size=1):
        yield bytes(content)


def forget(job: Import, *kinds: ImportPart.Kind) -> None:
    job.parts.filter(kind__in=kinds).delete()


def forget_file(job: Import) -> None:
    """What is over needs no copy of what people have told; the refused rows stay a while."""
    forget(job, ImportPart.Kind.FILE)
    job.layout.pop("samples", None)
    if job.preview:
        job.preview.pop("samples", None)
    job.save(update_fields=["layout", "preview"])


def forget_old(*, limit: int = 100) -> int:
    """Forget what imports that nobody has touched for a month hold; how many they were."""
    old = Import.objects.filter(Q(touched_at__lt=clock.now() - KEPT) | _never_begun())
    held = old.filter(Exists(ImportPart.objects.filter(job=OuterRef("pk"))))[:limit]
    for job in held:
        with transaction.atomic():
            ImportPart.objects.filter(job=job).delete()
            forget_file(job)
            unfinished = Import.objects.filter(pk=job.pk)
            state.move(unfinished, IMPORT_MOVES["cancel"], finished_at=clock.now())
    return len(held)


def _never_begun() -> Q:
    return Q(touched_at=None, created_at__lt=clock.now() - KEPT)


@contextmanager
def laid_out(job: Import) -> Iterator[Path]:
    """The file on this machine's disk, for as long as it is read."""
    with TemporaryDirectory(prefix="import-") as folder:
        path = Path(folder) / "people.csv"
        with path.open("wb") as file:
            file.writelines(contents(job, ImportPart.Kind.FILE))
        yield path


def _pieces(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for block in blocks:
        held += block
        while len(held) >= _PART:
            yield bytes(held[:_PART])
            del held[:_PART]
    if held:
        yield bytes(held)
