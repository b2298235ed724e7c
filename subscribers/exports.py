"""People as a CSV file that no spreadsheet runs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from emailseq.lib.errors import Invalid
from subscribers.cells import inert
from subscribers.models import Subscriber, SuppressionQuerySet

COLUMNS = ("email", "first_name", "last_name", "time_zone")
_AT_ONCE = 2_000


@transaction.atomic
def export_people(people: QuerySet[Subscriber], *, path: Path, raw: bool = False) -> int:
    """Write the people, with a column for each custom field that one of them has; how many.

    Text that a spreadsheet would run stands behind an apostrophe, unless it is wanted `raw`.
    Memory holds some thousands of them. The file appears when it is complete, readable by its
    owner only. Raises Invalid when it cannot be written.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        with draft.open("w", encoding="utf-8", newline="") as file:
            count = _write(people_rows(people, raw=raw), csv.writer(file))
        draft.replace(path)
    except OSError as error:
        detail = f"The file cannot be written: {error}"
        raise Invalid.field("file", "not_writable", detail) from error
    return count


def people_rows(people: QuerySet[Subscriber], *, raw: bool = False) -> Iterator[list[str]]:
    """The lines of that file, page by page, so that no statement lasts as long as a download."""
    safe: Callable[[str], str] = str if raw else inert
    keys = _keys(people)
    yield [*COLUMNS, *map(safe, keys)]
    last, found = 0, people.order_by("pk").values_list("pk", *COLUMNS, "fields")
    while page := found.filter(pk__gt=last)[:_AT_ONCE]:
        last = page[len(page) - 1][0]
        for _, *attributes, fields in page:
            values = [*attributes, *map(fields.get, keys)]
            yield [safe(value) if isinstance(value, str) else _text(value) for value in values]


def suppression_rows(found: SuppressionQuerySet) -> Iterator[list[str]]:
    """The lines of a CSV file of suppressions, which `suppress_addresses` takes again."""
    yield ["email", "reason", "note", "source", "created_at"]
    rows = found.order_by("pk").values_list("address_key", "reason", "note", "source", "created_at")
    for *texts, created_at in rows.iterator(chunk_size=_AT_ONCE):
        yield [*map(inert, texts), created_at.isoformat(timespec="seconds")]


def _keys(people: QuerySet[Subscriber]) -> list[str]:
    members = RawSQL("jsonb_object_keys(subscribers_subscriber.fields)", ())
    keys = people.order_by().annotate(key=members).values_list("key", flat=True)
    return sorted(keys.distinct())


def _write(rows: Iterator[list[str]], out: Any) -> int:
    out.writerow(next(rows))
    count = 0
    for row in rows:
        out.writerow(row)
        count += 1
    return count


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case _:
            return json.dumps(value, ensure_ascii=False)
