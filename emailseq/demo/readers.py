"""The demo's readers: they fetch pixels and follow links of real mails by real requests.

Who opens, clicks and leaves is decided by the address, so every run plays the same.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
READS_AFTER_SECONDS = 6.0  # sooner, and it would pass for a scanner
OPEN_PERCENT, CLICK_PERCENT = 62, 24
_LINKS = {name: re.compile(rf'"(https?://[^"]+/{name}/v\d\.[^"]+)"') for name in "oc"}


class Visit(NamedTuple):
    """One request that a reader is going to make."""

    due: float
    method: str
    url: str


class Readers(threading.Thread):
    """Watches the inbox and behaves like the people who own the mail in it, until `stop`."""

    def __init__(self, inbox: Path, *, leaver: str) -> None:
        """`leaver` is the address of the one person who unsubscribes after the first mail."""
        super().__init__(name="readers", daemon=True)
        self._inbox, self._leaver = inbox, leaver
        self._seen = {path.name for path in inbox.glob("*.eml")}
        self._visits: list[Visit] = []
        self.opened_count = self.clicked_count = 0
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()
        self.join(timeout=5)

    @property
    def resting(self) -> bool:
        """Whether every mail that has arrived was dealt with."""
        return not self._visits

    def run(self) -> None:
        while not self._stopping.wait(0.2):
            for path in sorted(self._inbox.glob("*.eml")):
                if path.name not in self._seen:
                    self._seen.add(path.name)
                    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
                    self._visits += self._plan(mail)
            self._make_due_visits()

    def _plan(self, mail: EmailMessage) -> Iterator[Visit]:
        address = mail["To"].addresses[0].addr_spec
        dice = hashlib.sha256(f"{address}{mail['Subject']}".encode()).digest()
        due = time.monotonic() + READS_AFTER_SECONDS + dice[2] / 256 * 3
        if address == self._leaver:
            yield Visit(due - 4, "POST", mail["List-Unsubscribe"].strip("<>"))
            return
        body = mail.get_body(("html",))
        html = body.get_content() if body else ""
        if dice[0] * 100 < OPEN_PERCENT * 256:
            yield from (Visit(due, "GET", url) for url in _LINKS["o"].findall(html))
            if dice[1] * 100 * OPEN_PERCENT < CLICK_PERCENT * 256 * 100:
                yield from (Visit(due + 1, "GET", url) for url in _LINKS["c"].findall(html)[:1])

    def _make_due_visits(self) -> None:
        now = time.monotonic()
        for visit in [visit for visit in self._visits if visit.due <= now]:
            _request(visit)
            self._visits.remove(visit)
            self.opened_count += "/o/" in visit.url
            self.clicked_count += "/c/" in visit.url


def _request(visit: Visit) -> None:
    parts = urlsplit(visit.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    body = "List-Unsubscribe=One-Click" if visit.method == "POST" else None
    headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request(visit.method, parts.path, body, headers)
        connection.getresponse().read()
    finally:
        connection.close()
