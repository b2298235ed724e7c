"""A compiled template and one person's data in, message parts out. Pure; joins of bytes.

Lenient: what a person lacks prints as nothing.
"""

from __future__ import annotations

from binascii import a2b_qp
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import Any, NamedTuple

from templates_app import liquid
from templates_app.compiler import Compiled, escape_outputs, piece
from templates_app.liquid import TEXT, Program, Scope
from templates_app.merge_fields import BUILT_IN


class RenderError(Exception):
    """The template does not work for this person; the text never contains their data."""


class Parts(NamedTuple):
    """A message's content; the bodies are pieces of quoted-printable with CRLF, ready to be joined.

    There is no `html_qp` when it is text only.
    """

    subject: str
    text_qp: list[bytes]
    html_qp: list[bytes]


class Addresses(NamedTuple):
    """Where the links of one message lead: pieces that `address` makes, but for `links`.

    The address of a numbered link begins with `click` and ends with its own of `ends`. `links` are
    our own pages by their names; the way out, which is in nearly every message, is ready as well.
    `trap` is the end of a link that only machines find.
    """

    click: bytes
    ends: Sequence[bytes]
    pixel: bytes | None
    way_out: bytes
    links: Mapping[str, str]
    trap: bytes | None = None


class Preview(NamedTuple):
    """The same content for the eyes of its author."""

    subject: str
    html: str
    text: str


def render(compiled: Compiled, context: Mapping[str, Any], addresses: Addresses) -> Parts:
    """The message of one person.

    `context` holds `subscriber` and `workspace`, plain data. Raises RenderError.
    """
    data = {
        **context,
        "links": addresses.links,
        "_way_out": addresses.way_out,
        "_click": addresses.click,
        "_ends": addresses.ends,
        "_open": addresses.pixel,
        "_trap": addresses.trap,
    }
    try:
        scope = Scope(data)
        return Parts(
            " ".join("".join(compiled.subject(scope)).split()),
            compiled.text(scope),
            compiled.html(scope),
        )
    except Exception as error:  # noqa: BLE001 - whatever the library raises fails one message
        raise RenderError(liquid.reason(error)) from None


def preview(
    compiled: Compiled, context: Mapping[str, Any], *, via: Callable[[str], str] = str
) -> Preview:
    """What a person would get, but untracked: links lead to their targets, ours nowhere.

    `via` makes of a target where a click on it leads in the end.
    """
    parts = render(compiled, context, inert(compiled, context, via=via))
    return Preview(parts.subject, _decoded(parts.html_qp), _decoded(parts.text_qp))


def inert(
    compiled: Compiled, context: Mapping[str, Any], *, via: Callable[[str], str] = str
) -> Addresses:
    """The addresses of a message that is only looked at: links lead to their targets, ours nowhere.

    Raises RenderError.
    """
    ours = {name: f"#{name}" for name in BUILT_IN["links"]}
    return untracked(compiled, context, links=ours, via=via)


def untracked(
    compiled: Compiled,
    context: Mapping[str, Any],
    *,
    links: Mapping[str, str],
    via: Callable[[str], str] = str,
) -> Addresses:
    """The addresses of a message that nobody follows: its links lead to their targets."""
    targets = (
        via(link_target(compiled.links, number=number, context=context))
        for number in range(len(compiled.links))
    )
    way_out = address(links.get("unsubscribe", ""))
    return Addresses(b"", [*map(address, targets)], None, way_out, links)


def address(url: str) -> bytes:
    """The piece for an address in an attribute."""
    return piece(escape(url))


def link_target(links: Sequence[str], *, number: int, context: Mapping[str, Any]) -> str:
    """Where link `number` of a version leads for one person. Raises LookupError, RenderError."""
    if not 0 <= number < len(links):
        raise LookupError(number)
    try:
        return "".join(_target(links[number])(Scope(context)))
    except Exception as error:  # noqa: BLE001 - as above
        raise RenderError(liquid.reason(error)) from None


@lru_cache(maxsize=4096)
def _target(link: str) -> Program[str]:
    return liquid.compiled(escape_outputs(link, "_url"), TEXT)


def _decoded(pieces: Iterable[bytes]) -> str:
    return a2b_qp(b"".join(pieces)).replace(b"\r\n", b"\n").decode()
