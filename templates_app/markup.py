"""HTML as a stream of units: tags, comments, raw elements, text. Pure; linear in its input."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_REST = r"""(?:[^"'>]|"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))*+(?:>|\Z)"""
_UNIT = re.compile(
    rf"""
      <!--(?P<comment>.*?)(?:-->|\Z)
    | <(?P<raw>script|style|xmp|iframe|noembed|noframes|noscript|plaintext)(?=[\s/>]){_REST}
      .*?(?:</(?P=raw)(?=[\s/>]){_REST}|\Z)
    | <(?P<titled>title|textarea)(?=[\s/>]){_REST}.*?(?:</(?P=titled)(?=[\s/>]){_REST}|\Z)
    | </?(?P<tag>[a-z][^\s/>]*){_REST}
    | <(?P<other>[!?/])[^>]*(?:>|\Z)
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE = r"""\s+([^\s"'<>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'=<>`]+))?"""
_ATTRIBUTES = re.compile(_ATTRIBUTE, re.ASCII)
_WELL_FORMED = re.compile(rf"<[a-z][^\s/>]*(?:{_ATTRIBUTE})*+\s*/?>", re.ASCII | re.IGNORECASE)


class Unit(NamedTuple):
    """`kind` is text, comment, raw, titled, tag or other; `name` the element's, in lower case.

    The content of a raw element (script, style …) is no HTML; that of a titled one (title,
    textarea) is text.
    """

    kind: str
    source: str
    name: str = ""

    @property
    def closing(self) -> bool:
        return self.source.startswith("</")

    @property
    def inner(self) -> str:
        """What a comment says."""
        return self.source[4:].removesuffix("-->")


class Attribute(NamedTuple):
    """One attribute of a start tag: its name in lower case and its value, entities as written."""

    source: str
    name: str
    value: str
    quote: str


def scan(html: str) -> Iterator[Unit]:
    """The units of a document, in order and without loss."""
    position = 0
    for found in _UNIT.finditer(html):
        if text := html[position : found.start()]:
            yield Unit("text", text)
        kind = str(found.lastgroup)
        yield Unit(kind, found[0], found[kind].lower())
        position = found.end()
    if text := html[position:]:
        yield Unit("text", text)


def attributes(tag: str) -> Iterator[Attribute]:
    """The attributes of a start tag; `quote` is empty for a bare value and for none."""
    for found in _ATTRIBUTES.finditer(tag):
        value = found[2] or ""
        quote = value[0] if value and value[0] in "\"'" else ""
        yield Attribute(found[0], found[1].lower(), value[1:-1] if quote else value, quote)


def is_well_formed(tag: str) -> bool:
    """Whether name and attributes are all there is to a start tag."""
    return bool(_WELL_FORMED.fullmatch(tag))
