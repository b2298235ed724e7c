"""Everything that is stored of one person, as a zip of JSON files that is written while it is read.

Each floor tells its own part: settings name the functions, `EMAILSEQ_DOSSIER` by dotted path.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.module_loading import import_string

from emailseq.lib import clock
from subscribers.models import ConsentEntry, Event, SignUp, Subscriber, Suppression

Rows = Iterable[Mapping[str, Any]]
Part = tuple[str, Rows]  # the name of a file, and what stands in it


def written(person: Subscriber) -> Iterator[bytes]:
    """The zip, piece by piece; no more of it is in memory than a row and what zip holds back."""
    out: Any = _Pipe()  # zipfile asks for no more of a file than that
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in parts(person):
            with archive.open(f"{name}.json", "w") as file:
                for piece in _json(rows):
                    file.write(piece)
                    yield out.taken()
    yield out.taken()


def parts(person: Subscriber) -> Iterator[Part]:
    """What each floor has of somebody, by the names of the files."""
    for path in settings.EMAILSEQ_DOSSIER:
        told: Callable[[Subscriber], Iterator[Part]] = import_string(path)
        yield from told(person)


def own_parts(person: Subscriber) -> Iterator[Part]:
    """What this floor has: who they are, what they agreed to, and what happened."""
    yield "profile", [_profile(person)]
    yield (
        "lists",
        person.subscriptions.order_by("id").values(
            *("list__name", "state", "created_at", "confirmed_at", "unsubscribed_at"),
            *("consented_at", "consent_source", "consent_text", "consent_ip"),
        ),
    )
    yield "consents", told_consents(person)
    yield "tags", person.tags.order_by("id").values("tag__name")
    yield "segments", person.segments.values("segment__name", "entered_at")
    yield (
        "sign_ups",
        SignUp.objects.filter(subscriber=person)
        .order_by("id")
        .values(
            *("form__name", "email", "first_name", "last_name", "consent_text"),
            *("consent_version", "network", "ip", "agent", "page", "at"),
        ),
    )
    yield (
        "suppressions",
        Suppression.objects.filter(
            workspace=person.workspace_id, address_key=person.address_key
        ).values("address_key", "reason", "note", "created_at"),
    )
    yield "events", map(_event, Event.objects.filter(subscriber=person).order_by("id").iterator())


def told_consents(person: Subscriber) -> Rows:
    """The consent ledger of somebody: what they asked for, agreed to and left, oldest first."""
    ledger = ConsentEntry.objects.filter(subscriber=person).order_by("id")
    return ledger.values("list__name", "state", "at", "source", "text", "ip")


def _profile(person: Subscriber) -> Mapping[str, Any]:
    columns = (
        *("email", "first_name", "last_name", "time_zone", "language", "frequency"),
        *("snoozed_until", "fields", "created_at", "updated_at", "archived_at"),
    )
    return {"id": person.public_id, **{name: getattr(person, name) for name in columns}}


def _event(event: Event) -> Mapping[str, Any]:
    return {
        "id": event.public_id,
        "kind": event.kind,
        "name": event.name,
        "occurred_at": event.occurred_at,
        "verdict": event.verdict,
        "properties": event.properties,
    }


def _json(rows: Rows) -> Iterator[bytes]:
    """A JSON array, a row a line."""
    lead = "[\n"
    for row in rows:
        line = json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)
        yield f"{lead}{line}".encode()
        lead = ",\n"
    yield b"\n]\n" if lead == ",\n" else b"[]\n"


def file_name(person: Subscriber) -> str:
    """Names nobody: files are passed on."""
    return f"{person.public_id}-{clock.now():%Y-%m-%d}.zip"


class _Pipe:
    """A file that cannot be read or sought, only taken from as it grows."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Everything is at its place."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
