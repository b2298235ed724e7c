"""A compiled template and one person's data in, message parts out. Pure; joins of bytes.

Lenient: what a person lacks prints as nothing.
"""

from __future__ import annotations

from binascii import a2b_qp
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from templates_app import liquid
from templates_app.compiler import Body, Compiled, escape_outputs, join_encoded, quoted_printable
from templates_app.liquid import Scope, Slot
from templates_app.merge_fields import BUILT_IN


class RenderError(Exception):
    """The template does not work for this person; the text never contains their data."""


class Parts(NamedTuple):
    """A message's content: bodies quoted-printable with CRLF; `html_qp` empty when text only."""

    subject: str
    text_qp: bytes
    html_qp: bytes


class Preview(NamedTuple):
    """The same content for the eyes of its author."""

    subject: str
    html: str
    text: str


def render(
    compiled: Compiled,
    context: Mapping[str, Any],
    *,
    click: Callable[[int], str],
    open_url: str,
    links: Mapping[str, str],
) -> Parts:
    """The message of one person. `click(n)` is the address of link n; no `open_url`, no pixel.

    `context` holds `subscriber` and `workspace`, plain data; `links` are our own pages. Raises
    RenderError.
    """
    data = {
        **context,
        "links": links,
        "_click": [click(number) for number in range(len(compiled.links))],
        "_open": open_url,
    }
    try:
        scope = Scope(data)
        return Parts(
            " ".join(_filled(compiled.subject, scope).split()),
            _body(compiled.text, scope),
            _body(compiled.html, scope),
        )
    except Exception as error:  # noqa: BLE001 - whatever the library raises fails one message
        raise RenderError(liquid.reason(error)) from None


def preview(compiled: Compiled, context: Mapping[str, Any]) -> Preview:
    """What a person would get, but untracked: links lead to their targets, ours nowhere."""
    parts = render(
        compiled,
        context,
        click=lambda number: link_target(compiled.links, number=number, context=context),
        open_url="",
        links={name: f"#{name}" for name in BUILT_IN["links"]},
    )
    return Preview(parts.subject, _decoded(parts.html_qp), _decoded(parts.text_qp))


def link_target(links: Sequence[str], *, number: int, context: Mapping[str, Any]) -> str:
    """Where link `number` of a version leads for one person. Raises LookupError, RenderError."""
    if not 0 <= number < len(links):
        raise LookupError(number)
    try:
        return _filled(_address_parts(links[number]), Scope(context))
    except Exception as error:  # noqa: BLE001 - as above
        raise RenderError(liquid.reason(error)) from None


@lru_cache(maxsize=4096)
def _address_parts(link: str) -> list[str | Slot]:
    return liquid.cut(escape_outputs(link, "_url"))


def _filled(parts: Iterable[str | Slot], scope: Scope) -> str:
    return "".join(part if isinstance(part, str) else part(scope) for part in parts)


def _body(parts: Body, scope: Scope) -> bytes:
    scope.locals.clear()
    return join_encoded(
        [part if isinstance(part, bytes) else quoted_printable(part(scope)) for part in parts]
    )


def _decoded(body: bytes) -> str:
    return a2b_qp(body).replace(b"\r\n", b"\n").decode()
