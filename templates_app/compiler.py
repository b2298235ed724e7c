"""A template, compiled once per version into encoded text and slots. Pure."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from templates_app import liquid
from templates_app.liquid import TEXT, Form, Program
from templates_app.merge_fields import ROOTS
from templates_app.page import Page

SOFT_BREAK = b"=\r\n"
# The library writes a blank that ends a line as three characters, whether they fit or not.
_BLANK_AT_THE_EDGE = re.compile(rb"^(.{73,75})(=20|=09)$", re.MULTILINE)

_WAY_OUT = re.compile(r"\{\{ links\.unsubscribe \| _(?:html|plain) \}\}")


class Compiled(NamedTuple):
    """A version ready to render. `links` are the targets (Liquid sources) of the numbered links.

    The pieces of the bodies are encoded and ready to be joined. `languages` are the same in others,
    by their tags in small letters; all have the links of all.
    """

    subject: Program[str]
    text: Program[bytes]
    html: Program[bytes]
    links: tuple[str, ...]
    leads_to_preferences: bool = False
    languages: Mapping[str, Compiled] = MappingProxyType({})

    def spoken_to(self, language: str) -> Compiled:
        """In a person's language, or that without its region, or else as it was written."""
        if not self.languages or not language:
            return self
        language = language.lower()
        own = self.languages.get(language) or self.languages.get(language.partition("-")[0])
        return own or self


def compile_languages(
    sources: Mapping[str, str], others: Mapping[str, Mapping[str, str]]
) -> Compiled:
    """Compile a template together with what it says in other languages, by their tags."""
    compiled = compile_template(**sources)
    found: dict[str, Compiled] = {}
    links = compiled.links
    for language, parts in sorted(others.items()):
        spoken = _compiled(parts["subject"], parts["html"], parts["text"], known=links)
        found[language.lower()], links = spoken, spoken.links
    languages = {language: each._replace(links=links) for language, each in found.items()}
    return compiled._replace(links=links, languages=languages)


def compile_template(*, subject: str, html: str, text: str) -> Compiled:
    """Compile the three sources; `html` or `text` may be empty, and a text is made from the HTML.

    Raises TemplateError when the HTML or the place of a Liquid tag in it is unsafe.
    """
    return _compiled(subject, html, text, known=())


def _compiled(subject: str, html: str, text: str, *, known: tuple[str, ...]) -> Compiled:
    """The same; links that are `known` keep their numbers."""
    for source in (subject, text):
        liquid.check(source, reserved=ROOTS)
    page = Page(html, known=known) if html.strip() else None
    plain = page.text() if page and not text.strip() else escape_outputs(text, "_plain")
    return Compiled(
        subject=liquid.compiled(escape_outputs(subject, "_plain"), TEXT),
        text=_body(plain),
        html=_body(page.source if page else ""),
        links=tuple(page.links) if page else known,
        leads_to_preferences=any("preferences" in source for source in (subject, html, text)),
    )


def _body(source: str) -> Program[bytes]:
    """The way out is another in every message, and comes ready for printing."""
    for how in ("_html", "_plain"):
        source = source.replace(f"{{{{ links.unsubscribe | {how} }}}}", "{{ _way_out | _ready }}")
    return liquid.compiled(source, QUOTED)


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
    return encoded[:-1] + SOFT_BREAK + encoded[-1:]  # only a literal character fills column 76


def piece(text: str) -> bytes:
    """A piece of a body: pieces are joined by nothing, and the soft break decodes to nothing."""
    return quoted_printable(text) + SOFT_BREAK if text else b""


def _simple(text: str) -> bytes:
    """The same for letters, digits and the like, which stand for themselves."""
    encoded = text.encode()
    if len(text) <= 75:
        return encoded + SOFT_BREAK
    return b"".join(encoded[at : at + 75] + SOFT_BREAK for at in range(0, len(text), 75))


QUOTED = Form(piece, _simple)
