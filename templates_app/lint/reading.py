"""What there is in a template: its links, pictures and elements, in every branch. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from templates_app.liquid import TemplateError
from templates_app.markup import Unit, attributes, scan
from templates_app.shield import Shield

_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_INVISIBLE = re.compile("[\\s\xa0\xad\u034f\u200b-\u200d\u2007\u2060\ufeff]+")


class Picture(NamedTuple):
    """An image of a template; `alt` is None where nothing says what it shows."""

    source: str
    alt: str | None


class Reading(NamedTuple):
    """The addresses of a template, with the Liquid in them, and the names of its elements."""

    links: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    elements: frozenset[str] = frozenset()


def read(html: str) -> Reading:
    """All branches of an HTML source; nothing where its Liquid is faulty, which others tell."""
    try:
        shield = Shield(html)
    except TemplateError:
        return Reading()
    links, pictures, elements = [], [], set()
    for unit in _tags(shield.hidden):
        elements.add(unit.name)
        given = {
            each.name: shield.revealed(unescape(each.value)) for each in attributes(unit.source)
        }
        if unit.name == "a" and "href" in given:
            links.append(given["href"].strip())
        if unit.name == "img":
            pictures.append(Picture(given.get("src", "").strip(), given.get("alt")))
    return Reading(tuple(links), tuple(pictures), frozenset(elements))


def preheader(html: str) -> str:
    """The words that an inbox shows behind the subject: hidden ones before all others."""
    hidden = False
    for unit in scan(html):
        if unit.kind == "tag":
            hidden = not unit.closing and bool(_HIDDEN.search(unit.source))
        if unit.kind == "text" and (words := _INVISIBLE.sub(" ", unescape(unit.source)).strip()):
            return words if hidden else ""
    return ""


def _tags(html: str) -> Iterator[Unit]:
    for unit in scan(html):
        if unit.kind == "comment" and unit.inner.startswith("[if"):
            yield from _tags(unit.inner)
        elif unit.kind in ("tag", "raw") and not unit.closing:
            yield unit
