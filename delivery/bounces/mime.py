"""Mail of strangers, taken apart: whatever the bytes are, this ends soon and raises nothing.

The standard parser recurses with the nesting and reads megabytes line by line. A bounce says what
it has to say early, so the first LIMIT bytes are enough, cut at nested parts with plain searches.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from html import unescape

LIMIT = 512 * 1024
DEPTH = 8
PARTS = 100
HTML_LIMIT = 128 * 1024
HEADER_LIMIT = 2000  # characters of a header's value; fields beyond HEADERS are not looked at
HEADERS = 500
REPEATED = 50

_FIELD = re.compile(r"([!-9;-~]{1,76})[ \t]*:[ \t]*(.*)")
_BLANK = re.compile(r"\n[ \t]*\n")
_PARAMETER = re.compile(r";\s*([\w*-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s;]+))")
# What mail is written in, of Python's codecs, which also hold compressors. ASCII is left to UTF-8.
_CHARSET = re.compile(
    r"utf-?(8|16|32)(-?[lb]e)?|iso-?(8859-\d+|2022-[\w-]+)|(windows-|cp)\d+"
    r"|koi8-\w|shift_?jis|sjis|euc-?\w+|gb\w+|big5[\w-]*|hz|latin-?1|tis-620|ks_c_5601\S*",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_HIDDEN = re.compile(r"<(?:style|script|title)\b|<!--", re.IGNORECASE)
_SHOWN = re.compile(r"</(?:style|script|title)\b|-->", re.IGNORECASE)
_TAG = re.compile(r"<(?![^<>\s]{1,64}@)[^<>]{1,2000}>")
_ORIGINALS = {
    "message/rfc822",
    "message/global",
    "message/partial",
    "message/global-headers",
    "text/rfc822-headers",
    "message/rfc822-headers",
}


class Headers:
    """The fields of a message in order; names in lower case, values unfolded and decoded."""

    def __init__(self, block: str) -> None:
        self.fields = list(_fields(block))

    def get(self, name: str) -> str:
        """The first field of that name, or ""."""
        return next(iter(self.all(name)), "")

    def all(self, *names: str) -> list[str]:
        values = [value for field, value in self.fields if field in names]
        return [_decoded(value) for value in values[:REPEATED]]


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the mail, or the head of a message in it, `level` messages deep."""

    kind: str
    headers: Headers
    text: str
    level: int


def parts(raw: bytes) -> list[Part]:
    """The mail's own head first, as a part without text, then its leaves from front to back."""
    blob = raw[:LIMIT].decode("latin-1").replace("\0", "")
    blob = blob.replace("\r\n", "\n").replace("\r", "\n")
    if blob.startswith("From "):  # the separator line of a mailbox file
        blob = blob.partition("\n")[2]
    found: list[Part] = []
    for part in _message(blob, DEPTH, level=0):
        found.append(part)
        if len(found) == PARTS:
            break
    return found


def head_and_body(blob: str) -> tuple[str, str]:
    """Cut at the first blank line; what has no fields at all is body."""
    blob = blob.lstrip("\n")
    first = blob[: blob.find("\n") if "\n" in blob else len(blob)]
    if not _FIELD.match(first):
        return "", blob
    blank = _BLANK.search(blob)
    return (blob[: blank.start()], blob[blank.end() :]) if blank else (blob, "")


def text_of(data: bytes, charset: str) -> str:
    """Decoded as declared, else as UTF-8, else as Latin-1; nothing in it can drive a terminal."""
    declared = charset if _CHARSET.fullmatch(charset) else "utf-8"
    for name, errors in ((declared, "strict"), ("utf-8", "strict"), (charset, "replace")):
        if _CHARSET.fullmatch(name):
            with suppress(LookupError, UnicodeError):
                return _CONTROL.sub("", data.decode(name, errors))
    return _CONTROL.sub("", data.decode("latin-1"))


def _message(blob: str, depth: int, *, level: int) -> Iterator[Part]:
    head, body = head_and_body(blob)
    headers = Headers(head)
    yield Part("message", headers, "", level)
    yield from _entity(headers, body, depth, level=level)


def _entity(headers: Headers, body: str, depth: int, *, level: int) -> Iterator[Part]:
    declared = headers.get("content-type")
    kind = declared.partition(";")[0].strip().lower() or "text/plain"
    parameters = {
        name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(declared)
    }
    boundary = parameters.get("boundary", "")
    if depth and kind.startswith("multipart/") and f"--{boundary}" in body and boundary:
        yield from _children(body, boundary, depth, level=level)
        return
    data = _transfer_decoded(body, headers.get("content-transfer-encoding"))
    if depth and kind in _ORIGINALS:
        yield from _message(data.decode("latin-1"), depth - 1, level=level + 1)
        return
    if kind.startswith(("text/", "message/", "multipart/")) or not kind.count("/"):
        text = text_of(data, parameters.get("charset", ""))
        yield Part(kind, headers, _plain(text) if kind == "text/html" else text, level)


def _children(body: str, boundary: str, depth: int, *, level: int) -> Iterator[Part]:
    line = re.compile(rf"^--{re.escape(boundary)}(?:--)?[ \t]*(?:\n|\Z)", re.MULTILINE)
    preamble, *rest = line.split(body, maxsplit=PARTS)
    for blob in rest:
        blob = blob.removesuffix("\n")
        # A part may begin with a blank line: then it has no head, and is plain text.
        head, text = ("", blob) if blob.startswith("\n") else head_and_body(blob)
        if head or text.strip():
            yield from _entity(Headers(head), text, depth - 1, level=level)
    if preamble.strip():  # some servers write there what the parts should say
        yield Part("text/preamble", Headers(""), text_of(preamble.encode("latin-1"), ""), level)


def _transfer_decoded(body: str, encoding: str) -> bytes:
    data = body.encode("latin-1", "replace")
    encoding = encoding.strip().lower()
    if encoding == "quoted-printable":
        return a2b_qp(data)
    if encoding == "base64":
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]  # where the mail was cut off
        return a2b_base64(letters + b"==")
    return data


def _plain(html: str) -> str:
    """A line for each stretch of text. Real parsers take seconds for what nests deeply."""
    first, *hidden = _HIDDEN.split(html[:HTML_LIMIT])
    shown = [first, *(_SHOWN.split(text, maxsplit=1)[-1] for text in hidden)]
    return unescape(_TAG.sub("\n", "".join(shown)))


def _fields(block: str) -> Iterator[tuple[str, str]]:
    name, lines = "", [""]
    count = 0
    for line in block.split("\n"):
        if line[:1] in (" ", "\t") or (lines[-1].endswith(";") and not _FIELD.match(line)):
            lines.append(line.strip())
        elif match := _FIELD.match(line):
            if name:
                yield name, " ".join(lines)[:HEADER_LIMIT]
            name, lines = match[1].lower(), [match[2].strip()]
            count += 1
            if count > HEADERS:
                return
    if name:
        yield name, " ".join(lines)[:HEADER_LIMIT]


def _decoded(value: str) -> str:
    if "=?" not in value:
        return text_of(value.encode("latin-1", "replace"), "")
    try:
        words = decode_header(value)
    except (HeaderParseError, ValueError):
        return _CONTROL.sub("", value)
    return "".join(
        text_of(word.encode("latin-1", "replace") if isinstance(word, str) else word, charset or "")
        for word, charset in words
    )
