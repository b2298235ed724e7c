"""A message as bytes: the headers that mailbox providers expect of bulk mail, then the parts.

Pure, and the same input gives the same bytes, so that a repeat can be recognised as one. What is
the same for a whole source is rendered once, by its Letterhead. RFC 5322, 2047, 2369, 2919, 8058.
"""

from __future__ import annotations

import re
from base64 import b64encode, encodebytes
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache, cached_property, lru_cache
from hashlib import sha256
from types import MappingProxyType
from urllib.parse import quote

from delivery.enclosures import File

NOTHING: Mapping[str, str] = MappingProxyType({})


class HeaderError(ValueError):
    """A header that must not be written; the text says which, and why."""


@dataclass(frozen=True)
class Letterhead:
    """What all messages of a source share.

    `one_click` marks marketing: its messages carry List-* headers and need an unsubscribe URL.
    `list_id` is (name, id), e.g. ("Harbour news", "news.harbour.example").
    """

    from_name: str
    from_email: str
    reply_to: str
    list_id: tuple[str, str] | None
    feedback_id: str
    one_click: bool

    @cached_property
    def sender(self) -> bytes:
        return _mailbox("From", self.from_name, self.from_email)

    @cached_property
    def answers(self) -> bytes:
        return _mailbox("Reply-To", "", self.reply_to) if self.reply_to else b""

    @cached_property
    def list_header(self) -> bytes:
        if self.list_id is None or not self.one_click:
            return b""
        name, identifier = self.list_id
        if not _DOT_ATOM.fullmatch(identifier):
            raise HeaderError(f"List-Id: {identifier!r} is not a list identifier.")
        return _fold("List-Id", [*_phrase("List-Id", name), f"<{identifier}>"])

    @cached_property
    def manners(self) -> bytes:
        """Who complains to whom, and that no machine should answer."""
        return b"".join(
            (
                _text("Feedback-ID", self.feedback_id),
                b"Precedence: bulk\r\n" if self.one_click else b"",
                b"Auto-Submitted: auto-generated\r\n",
                b"X-Auto-Response-Suppress: OOF, AutoReply\r\n",
                b"MIME-Version: 1.0\r\n",
            )
        )


def message_id(key: bytes, message_key: str, domain: str) -> str:
    """The Message-ID in its angle brackets: a keyed digest of what names the message for ever."""
    inner, outer = _pads(key)
    digest = sha256(outer + sha256(inner + message_key.encode()).digest()).digest()
    number = int.from_bytes(digest[:20])
    name = "".join([_BASE32[number >> shift & 1023] for shift in _SHIFTS])
    return f"<{name}@{domain}>"


@cache
def _pads(key: bytes) -> tuple[bytes, bytes]:
    """What HMAC-SHA-256 puts before the text, and before the digest of that (RFC 2104).

    It takes half the time of `hmac.digest`, which makes them anew each time.
    """
    block = key.ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def assemble(
    letterhead: Letterhead,
    *,
    to_name: str,
    to_email: str,
    subject: str,
    date: datetime,
    message_id: str,
    unsubscribe_url: str | None,
    text_qp: Sequence[bytes],
    html_qp: Sequence[bytes],
    answers: str = "",
    unsubscribe_by_mail: str = "",
    headers: Mapping[str, str] = NOTHING,
    files: Sequence[File] = (),
) -> bytes:
    """The complete message; `answers` is the Message-ID of the one above it. Raises HeaderError.

    `unsubscribe_by_mail` is an address to leave by, beside the URL. `headers` and `files` are what
    this message has of its own, as `enclosures` lets them pass.
    The parts are pieces of quoted-printable with CRLF line ends; without HTML it is no multipart.
    """
    for each in (message_id, answers or message_id):
        if not _MESSAGE_ID.fullmatch(each):
            raise HeaderError(f"Message-ID: {each!r} is not one.")
    return b"".join(
        (
            letterhead.sender,
            _mailbox("To", to_name, to_email),
            letterhead.answers,
            _text("Subject", subject),
            _date(date),
            f"Message-ID: {message_id}\r\n".encode(),
            f"In-Reply-To: {answers}\r\nReferences: {answers}\r\n".encode() if answers else b"",
            letterhead.list_header,
            _unsubscribe(unsubscribe_url, unsubscribe_by_mail) if letterhead.one_click else b"",
            letterhead.manners,
            *(_text(name, value) for name, value in headers.items()),
            *(_enclosing(text_qp, html_qp, files) if files else _body(text_qp, html_qp)),
        )
    )


@lru_cache(maxsize=1000)  # messages queued together share it
def _date(date: datetime) -> bytes:
    return f"Date: {format_datetime(date.astimezone(UTC))}\r\n".encode()


def _unsubscribe(url: str | None, email: str) -> bytes:
    if not url or len(url) > _LONGEST_URL or not _URL.fullmatch(url):
        raise HeaderError(f"List-Unsubscribe: {url!r} is not a usable URL.")
    if email and (len(email) > _LONGEST_ADDRESS or not _RETURN_PATH.fullmatch(email)):
        raise HeaderError(f"List-Unsubscribe: {email!r} is not a usable address.")
    by_mail = f",\r\n <mailto:{email}>" if email else ""
    return (
        f"List-Unsubscribe: <{url}>{by_mail}\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    ).encode()


def _body(text: Sequence[bytes], html: Sequence[bytes]) -> Sequence[bytes]:
    if not html:
        return (_TEXT, *text)
    return (_MULTIPART, _TEXT, *text, _BETWEEN, *html, _LAST)


def _enclosing(
    text: Sequence[bytes], html: Sequence[bytes], files: Iterable[File]
) -> Iterator[bytes]:
    """The text as one part, and each file as another."""
    yield _MIXED
    yield from _body(text, html)
    for file in files:
        yield _NEXT_FILE
        yield f"Content-Type: {file.content_type}\r\n".encode()
        # RFC 2231, in lines of one piece each: a name may be longer than a line.
        for place, piece in enumerate(_pieces(quote(file.name, safe=_UNQUOTED))):
            lead = "utf-8''" if place == 0 else ""
            start = "Content-Disposition: attachment" if place == 0 else ""
            yield f"{start};\r\n filename*{place}*={lead}{piece}".encode()
        yield b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        yield encodebytes(file.content).replace(b"\n", b"\r\n")
    yield b"\r\n--=_file--\r\n"


def _pieces(quoted: str) -> list[str]:
    """A percent-encoded name in pieces, no escape cut in two."""
    return re.findall(r"(?:%..|[^%]){1,20}", quoted)


def _mailbox(name: str, display: str, email: str) -> bytes:
    value = f"{display} <{email}>"
    if len(value) < _LONGEST_NAME and _SIMPLE_MAILBOX.fullmatch(value):
        return f"{name}: {value}\r\n".encode()
    if len(email) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(email):
        raise HeaderError(f"{name}: {email!r} is not an address.")
    return _fold(name, [*_phrase(name, display), f"<{email}>"] if display else [email])


@lru_cache(maxsize=4096)  # a subject has few forms, as first names have
def _text(name: str, value: str) -> bytes:
    """A header of free text: as it is where ASCII and line lengths allow, else encoded."""
    if not _PLAIN.fullmatch(value) or "=?" in value:
        return _fold(name, _encoded_words(name, value))
    if len(name) + len(value) < _LINE - 2:
        return f"{name}: {value}\r\n".encode()
    tokens = value.split(" ")
    if max(map(len, tokens)) > _LONGEST_TOKEN:
        tokens = _encoded_words(name, value)
    return _fold(name, tokens)


def _phrase(name: str, value: str) -> list[str]:
    """A display name: atoms, a quoted string or encoded words."""
    if len(value) <= _LONGEST_NAME and "=?" not in value:
        if _ATOMS.fullmatch(value):
            return value.split(" ")
        if _PLAIN.fullmatch(value):
            return ['"' + value.replace("\\", r"\\").replace('"', r"\"") + '"']
    return _encoded_words(name, value)


def _fold(name: str, tokens: Sequence[str]) -> bytes:
    """The tokens joined by blanks, with a line break before the blank where a line gets long."""
    lines = [f"{name}: {tokens[0]}"]
    for token in tokens[1:]:
        if len(lines[-1]) + 1 + len(token) > _LINE:
            lines.append("")
        lines[-1] += f" {token}"
    return ("\r\n".join(lines) + "\r\n").encode()


def _encoded_words(name: str, text: str) -> list[str]:
    """RFC 2047: words short enough for a line behind `name:`, no character cut in two."""
    if found := _REFUSED.search(text):
        raise HeaderError(f"{name}: the value contains {found[0]!a}.")
    room = max(24, _LINE - len(name) - len(": =?utf-8?q??="))
    spelling = text.translate(_SPELLINGS)
    if len(spelling) <= 1.5 * len(text.encode()):
        if len(spelling) <= room:
            return [f"=?utf-8?q?{spelling}?="]
        spelled = [_SPELLINGS[ord(char)] for char in text]
        return [f"=?utf-8?q?{''.join(word)}?=" for word in _packed(spelled, room, width=len)]
    words = _packed(list(text), room // 4 * 3, width=lambda char: len(char.encode()))
    return [f"=?utf-8?b?{b64encode(''.join(word).encode()).decode()}?=" for word in words]


def _packed(pieces: list[str], room: int, *, width: Callable[[str], int]) -> list[list[str]]:
    """The pieces in order, in groups at most `room` wide."""
    groups: list[list[str]] = [[]]
    left = room
    for piece in pieces:
        left -= width(piece)
        if left < 0:
            groups.append([])
            left = room - width(piece)
        groups[-1].append(piece)
    return groups


# Quoted-printable never contains "=_", so no part can contain the boundary.
_QP = b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_TEXT, _HTML = b"Content-Type: text/plain" + _QP, b"Content-Type: text/html" + _QP
_MULTIPART = b'Content-Type: multipart/alternative; boundary="=_part"\r\n\r\n--=_part\r\n'
_BETWEEN, _LAST = b"\r\n--=_part\r\n" + _HTML, b"\r\n--=_part--\r\n"

_MIXED = b'Content-Type: multipart/mixed; boundary="=_file"\r\n\r\n--=_file\r\n'
_NEXT_FILE = b"\r\n--=_file\r\n"
_UNQUOTED = "-._~"

# Base32 (RFC 4648) in lower case, two letters at a time: a third of the library's time.
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_BASE32 = [one + other for one in _LETTERS for other in _LETTERS]
_SHIFTS = range(150, -1, -10)

# A line has 998 octets at most and aims at 78.
_LINE, _LONGEST_TOKEN, _LONGEST_URL, _LONGEST_ADDRESS, _LONGEST_NAME = 78, 900, 800, 320, 60

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_ATOMS = re.compile(f"[{_ATEXT}]+(?: [{_ATEXT}]+)*")
_DOT_ATOM = re.compile(f"[.{_ATEXT}]+")
_MESSAGE_ID = re.compile(f"<[.{_ATEXT}]+@[.{_ATEXT}]+>")
# A local part beyond ASCII stands as it is (RFC 6532): it travels by SMTPUTF8 or not at all.
_SIMPLE_MAILBOX = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)* <[A-Za-z0-9_.+-]+@[A-Za-z0-9_.-]+>")
_ADDRESS = re.compile(rf"[\u00a0-\ud7ff\ue000-\U0010ffff.{_ATEXT}]+@[A-Za-z0-9_.-]+")
_URL = re.compile(r"https?://[!-;=?-~]+")
_RETURN_PATH = re.compile(r"[A-Za-z0-9+_.-]+@[A-Za-z0-9.-]+")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_REFUSED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

# Only what RFC 2047 allows in every place, phrases included, stands for itself.
_UNSPELLED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"


class _Spellings(dict[int, str]):
    """Characters by their number, each spelled out the first time that it is asked for."""

    def __missing__(self, number: int) -> str:
        spelled = "".join(f"={byte:02X}" for byte in chr(number).encode())
        if len(self) < 4096:
            self[number] = spelled
        return spelled


_SPELLINGS = _Spellings({0x20: "_", **{ord(char): char for char in _UNSPELLED}})
