"""The built-in inbox: the messages that the sink has caught, read from its files. Writes nothing.

The sink takes everything that anybody on this machine hands it; a message is shown to the
workspace that its Feedback-ID names, and to nobody when it names none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from itertools import islice
from pathlib import Path

# How many files one page may open to find a workspace's own.
SEARCHED = 1000


class Mail:
    """A caught message; `number` is the one the sink gave it, and what it lacks is empty."""

    def __init__(self, path: Path) -> None:
        self._bytes = path.read_bytes()
        headers = self._parse(headersonly=True)
        self.number = int(path.stem)
        self.caught_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        self.headers = [(name, str(value)) for name, value in headers.items()]
        self.sender = str(headers["From"] or "")
        self.recipient = str(headers["To"] or "")
        self.subject = str(headers["Subject"] or "")
        self.workspace_slug = f"{headers['Feedback-ID'] or ''}::".split(":")[1]

    @property
    def source(self) -> str:
        return self._bytes.decode("utf-8", "replace")

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _parse(self, *, headersonly: bool) -> EmailMessage:
        return BytesParser(policy=policy.default).parsebytes(self._bytes, headersonly)

    def _part(self, kind: str) -> str:
        part = self._parse(headersonly=False).get_body(preferencelist=(kind,))
        raw = part.get_payload(decode=True) if part else None
        return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""


def newest(
    folder: Path, *, workspace_slug: str, limit: int = 50, before: int | None = None
) -> list[Mail]:
    """Up to `limit` messages of a workspace with a number below `before`, newest first."""
    stems = [path.stem for path in folder.glob("*.eml")]
    numbers = [int(stem) for stem in stems if stem.isascii() and stem.isdecimal()]
    below = sorted((each for each in numbers if before is None or each < before), reverse=True)
    mails = (Mail(folder / f"{number}.eml") for number in below[:SEARCHED])
    return list(islice((mail for mail in mails if mail.workspace_slug == workspace_slug), limit))


def read(folder: Path, number: int, *, workspace_slug: str) -> Mail | None:
    """One message; None when there is none of this number, or it is another workspace's."""
    path = folder / f"{number}.eml"
    mail = Mail(path) if path.is_file() else None
    return mail if mail and mail.workspace_slug == workspace_slug else None
