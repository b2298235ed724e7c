"""The built-in inbox: the messages that the sink has caught, read from its files. Writes nothing.

The sink takes everything that anybody on this machine hands it; a message is shown to the
workspace that its Feedback-ID names, and to nobody when it names none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

# How many files one page may open to find a workspace's own.
SEARCHED = 1000
SHOWN_HEADERS = 64 * 1024


@dataclass(frozen=True)
class Caught:
    """A message in the list of the inbox; `number` is the one the sink gave it."""

    number: int
    caught_at: datetime
    sender: str
    recipient: str
    subject: str


@dataclass(frozen=True)
class Mail:
    """A whole message; a part that it lacks is empty."""

    caught: Caught
    headers: list[tuple[str, str]]
    text: str
    html: str
    source: str


def newest(
    folder: Path, *, workspace_slug: str, limit: int = 50, before: int | None = None
) -> list[Caught]:
    """Up to `limit` messages of a workspace with a number below `before`, newest first."""
    found = []
    numbers = [number for number in _numbers(folder) if before is None or number < before]
    for number in sorted(numbers, reverse=True)[:SEARCHED]:
        message = _parse(_path(folder, number).read_bytes()[:SHOWN_HEADERS])
        if _workspace(message) == workspace_slug:
            found.append(_caught(folder, number, message))
            if len(found) == limit:
                break
    return found


def read(folder: Path, number: int, *, workspace_slug: str) -> Mail | None:
    """One message; None when there is none of this number, or it is another workspace's."""
    path = _path(folder, number)
    if not path.is_file():
        return None
    source = path.read_bytes()
    message = _parse(source)
    if _workspace(message) != workspace_slug:
        return None
    return Mail(
        caught=_caught(folder, number, message),
        headers=[(name, str(value)) for name, value in message.items()],
        text=_content(message, "plain"),
        html=_content(message, "html"),
        source=source.decode("utf-8", "replace"),
    )


def _numbers(folder: Path) -> Iterator[int]:
    if folder.is_dir():
        for path in folder.glob("*.eml"):
            if path.stem.isascii() and path.stem.isdecimal():
                yield int(path.stem)


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:d}.eml"


def _parse(source: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(source)


def _workspace(message: EmailMessage) -> str:
    parts = str(message["Feedback-ID"] or "").split(":")
    return parts[1] if len(parts) > 1 else ""


def _caught(folder: Path, number: int, message: EmailMessage) -> Caught:
    return Caught(
        number=number,
        caught_at=datetime.fromtimestamp(_path(folder, number).stat().st_mtime, UTC),
        sender=str(message["From"] or ""),
        recipient=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
    )


def _content(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    raw = part.get_payload(decode=True)
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""
