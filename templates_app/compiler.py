"""A template, compiled once per version into encoded text and slots. Pure."""

from __future__ import annotations

import re
from binascii import b2a_qp
from typing import NamedTuple

from templates_app import liquid
from templates_app.liquid import Slot
from templates_app.merge_fields import ROOTS
from templates_app.page import Page

_SOFT_BREAK = b"=\r\n"
# The library writes a blank that ends a line as three characters, whether they fit or not.
_BLANK_AT_THE_EDGE = re.compile(rb"^(.{73,75})(=20|=09)$", re.MULTILINE)
Body = tuple[bytes | Slot, ...]
"""A part in pieces: encoded text, ready to join, and slots."""


class Compiled(NamedTuple):
    """A version ready to render. `links` are the targets (Liquid sources) of the numbered links."""

    subject: tuple[str | Slot, ...]
    text: Body
    html: Body
    links: tuple[str, ...]


def compile_template(*, subject: str, html: str, text: str) -> Compiled:
    """Compile the three sources; `html` or `text` may be empty, and a text is made from the HTML.

    Raises TemplateError when the HTML or the place of a Liquid tag in it is unsafe.
    """
    for source in (subject, text):
        liquid.check(source, reserved=ROOTS)
    page = Page(html) if html.strip() else None
    plain = page.text() if page and not text.strip() else escape_outputs(text, "_plain")
    return Compiled(
        subject=tuple(liquid.cut(escape_outputs(subject, "_plain"))),
        text=_body(liquid.cut(plain)),
        html=_body(liquid.cut(page.source) if page else []),
        links=tuple(page.links) if page else (),
    )


def escape_outputs(source: str, how: str) -> str:
    """The Liquid source with every output ending in the escape `how`. Raises TemplateError."""
    return "".join(
        piece.escaped(how) if piece.kind == "output" else piece.source
        for piece in liquid.pieces(source)
    )


def quoted_printable(text: str) -> bytes:
    """RFC 2045 §6.7 with CRLF line ends; the last line leaves room for a soft break after it."""
    encoded = b2a_qp(text.encode())
    if len(encoded) < 76 and text.isprintable():
        return encoded  # one short line, as most values are
    if "\r" in text:
        return quoted_printable(text.replace("\r\n", "\n").replace("\r", "\n"))
    if " \n" in text or "\t\n" in text or text.endswith((" ", "\t")):
        encoded = _BLANK_AT_THE_EDGE.sub(rb"\1=\n\2", encoded)
    encoded = encoded.replace(b"\n", b"\r\n")
    if len(encoded) - encoded.rfind(b"\n") <= 76:
        return encoded
    return encoded[:-1] + _SOFT_BREAK + encoded[-1:]  # only a literal character fills column 76


def join_encoded(parts: list[bytes]) -> bytes:
    """One body out of separately encoded parts: a soft break between them decodes to nothing."""
    return _SOFT_BREAK.join(filter(None, parts))


def _body(parts: list[str | Slot]) -> Body:
    return tuple(quoted_printable(part) if isinstance(part, str) else part for part in parts)
