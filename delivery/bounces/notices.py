"""Notifications of Amazon SES that its topic sends on as mail: JSON, sometimes inside JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from delivery.bounces.dsn import Fields

SEARCHED = 64 * 1024

_NAMES = {
    "final-recipient": "emailAddress",
    "action": "action",
    "status": "status",
    "diagnostic-code": "diagnosticCode",
}


def read(text: str) -> tuple[str, list[Fields]]:
    """What is notified, `bounce`, `complaint` or something else, and whom it concerns."""
    notice = _object(text)
    if isinstance(inner := notice.get("Message"), str):
        notice = _object(inner)
    kind = str(notice.get("notificationType") or notice.get("eventType") or "").lower()
    return kind, list(_concerned(notice.get(kind)))


def _object(text: str) -> dict[str, Any]:
    start = text.find("{", 0, SEARCHED)
    if start < 0:
        return {}
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start : start + SEARCHED])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _concerned(told: Any) -> Iterator[Fields]:
    if not isinstance(told, dict):
        return
    for key in ("bouncedRecipients", "complainedRecipients", "delayedRecipients"):
        people = told.get(key)
        for person in people if isinstance(people, list) else ():
            if isinstance(person, dict):
                values = {name: str(person.get(key, "")) for name, key in _NAMES.items()}
                yield Fields({name: _storable(value) for name, value in values.items()})


def _storable(text: str) -> str:
    """Without NUL and halves of characters, which JSON may hold."""
    return text.encode(errors="replace").decode().replace("\0", "")
