"""Mail picked up from a mailbox by IMAP (RFC 3501) or POP3 (RFC 1939). Pure but for the network.

Each mail is given away first and deleted then: who dies in between finds it again. Nothing the
other side says makes us wait or read for ever.
"""

from __future__ import annotations

import imaplib
import poplib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from emailseq.lib.networks import is_public

READ_SECONDS = 10  # for one answer
VISIT_SECONDS = 30
MOST_MAILS = 200
MOST_BYTES = 10 * 1024 * 1024  # of a mail; the rest is left
_UIDS = re.compile(rb"\d+")

Take = Callable[[bytes], object]


class PickupFailed(Exception):
    """The mailbox could not be read; the text says at what it failed."""


@dataclass(frozen=True)
class Place:
    """A mailbox, and how to get at it; `guarded` leads to the public internet or nowhere.

    Where it is not emptied, mails up to `last_uid` are known, as long as `uid_validity` holds.
    """

    protocol: str
    host: str
    port: int
    tls: str
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    empties: bool = True
    guarded: bool = True
    uid_validity: int = 0
    last_uid: int = 0


@dataclass
class Visit:
    """How many mails were picked up, where the next visit goes on, and whether there are more."""

    count: int = 0
    uid_validity: int = 0
    last_uid: int = 0
    has_more: bool = False


def visit(place: Place, take: Take, *, most: int = MOST_MAILS) -> Visit:
    """Hand at most so many new mails to `take`, each before it is deleted. Raises PickupFailed."""
    pick_up = _by_pop3 if place.protocol == "pop3" else _by_imap
    with _failures():
        return pick_up(place, take, most)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, UnicodeError, imaplib.IMAP4.error, poplib.error_proto) as error:
        said = getattr(error, "strerror", "") or " ".join(map(str, error.args))
        said = said or type(error).__name__
        raise PickupFailed(said.replace("\0", "")[:300]) from error


def _connect(place: Place) -> socket.socket:
    """A connection to an address that was looked up once."""
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    if place.guarded and not all(map(is_public, addresses)):
        raise OSError(f"{place.host} is not on the public internet")
    raw = socket.create_connection((addresses[0], place.port), timeout=READ_SECONDS)
    if place.tls != "implicit":
        return raw
    return ssl.create_default_context().wrap_socket(raw, server_hostname=place.host)


class _Imap(imaplib.IMAP4):
    def __init__(self, place: Place) -> None:
        self._place = place
        super().__init__(place.host, place.port, timeout=READ_SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return _connect(self._place)

    def read(self, size: int) -> bytes:
        if size > MOST_BYTES + 1024:
            raise self.abort("the server sends more than it was asked for")
        return super().read(size)

    def ask(self, command: str, *arguments: str) -> list[Any]:
        """What the server answers. Raises IMAP4.error unless it says OK."""
        done: Callable[..., tuple[str, list[Any]]] = self.uid
        status, answer = done(command, *arguments)
        if status != "OK":
            raise self.error(f"{command}: {answer!r}")
        return answer


def _by_imap(place: Place, take: Take, most: int) -> Visit:
    began, session = time.monotonic(), _Imap(place)
    try:
        if place.tls == "starttls":
            session.starttls(ssl.create_default_context())
        session.login(place.username, place.password)
        done, uids = _new_in(session, place)
        for uid in uids:
            if done.count == most or time.monotonic() - began > VISIT_SECONDS:
                done.has_more = True
                break
            if raw := _fetched(session.ask("FETCH", str(uid), f"(BODY.PEEK[]<0.{MOST_BYTES}>)")):
                take(raw)
                done.count += 1
            if place.empties:
                session.ask("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)")
            else:
                done.last_uid = uid
        if place.empties and done.count:
            session.expunge()
        session.logout()
    finally:
        with suppress(OSError):  # it is closed by now, if all went well
            session.shutdown()
    return done


def _new_in(session: _Imap, place: Place) -> tuple[Visit, list[int]]:
    """Open the folder; the UIDs of the mails in it that are not known."""
    status, answer = session.select(f'"{place.folder}"', readonly=not place.empties)
    if status != "OK":
        raise session.error(f"SELECT {place.folder}: {answer!r}")
    done = Visit(uid_validity=_number(session.response("UIDVALIDITY")[1]))
    if not place.empties and place.uid_validity == done.uid_validity:
        done.last_uid = place.last_uid
    wanted = "UNDELETED" if place.empties else f"UID {done.last_uid + 1}:*"
    found = _UIDS.findall(session.ask("SEARCH", wanted)[0] or b"")
    return done, sorted(uid for uid in map(int, found) if uid > done.last_uid)


def _fetched(answer: list[Any]) -> bytes:
    """The mail in the answer to a FETCH; nothing if somebody else has deleted it meanwhile."""
    literals = [each[1] for each in answer if isinstance(each, tuple)]
    return literals[0] if literals else b""


def _number(answer: list[Any]) -> int:
    digits = _UIDS.search(answer[0]) if answer and answer[0] else None
    return int(digits[0]) if digits else 0


class _Pop3(poplib.POP3):
    def __init__(self, place: Place) -> None:
        self._place, self._room = place, MOST_BYTES
        super().__init__(place.host, place.port, timeout=READ_SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return _connect(self._place)

    def _getline(self) -> tuple[bytes, int]:
        line: tuple[bytes, int] = super()._getline()  # type: ignore[misc] # not in the stubs
        self._room -= line[1]
        if self._room < -1024 * 1024:
            raise poplib.error_proto("the server sends more than it was asked for")
        return line

    def mail(self, number: int, size: int) -> bytes:
        """A mail, or the beginning of one that is too large."""
        self._room = MOST_BYTES
        if size <= MOST_BYTES:
            lines = self.retr(number)[1]
        else:
            lines = self.top(number, MOST_BYTES // 1000)[1]
        return b"\r\n".join(lines) + b"\r\n"


def _by_pop3(place: Place, take: Take, most: int) -> Visit:
    began, done = time.monotonic(), Visit()
    session = _Pop3(place)
    try:
        if place.tls == "starttls":
            session.stls(ssl.create_default_context())
        session.user(place.username)
        session.pass_(place.password)
        for line in session.list()[1]:
            if done.count == most or time.monotonic() - began > VISIT_SECONDS:
                done.has_more = True
                break
            number, size = (int(each) for each in line.split()[:2])
            take(session.mail(number, size))
            session.dele(number)
            done.count += 1
        session.quit()  # only now they are gone
    finally:
        with suppress(OSError):
            session.close()
    return done
