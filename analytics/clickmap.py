"""The click map: a message as it was sent, with the clicks beside each link."""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Mapping, Sequence
from html import escape

from accounts.models import Workspace
from analytics.links import Link
from delivery import letters
from subscribers.models import Subscriber
from templates_app import rendering, versions
from templates_app.merge_fields import BUILT_IN
from templates_app.models import TemplateVersion
from templates_app.rendering import Addresses, RenderError

_LINK = re.compile(
    r'(?P<start><a\b[^>]*\bhref="#click-(?P<number>\d+)"[^>]*>)(?P<inside>.*?)(?P<end></a>)',
    re.IGNORECASE | re.DOTALL,
)
_BADGE = (
    '<span style="display:inline-block;margin:0 4px;padding:1px 7px;border-radius:999px;'
    "background:rgb(190 18 60/{heat:.2f});color:#fff;font:600 12px/18px sans-serif;"
    'white-space:nowrap;text-shadow:0 0 3px #000" title="{title}">{text}</span>'
)
SAMPLE = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}


def render(workspace: Workspace, version: TemplateVersion, found: Sequence[Link]) -> str:
    """The HTML of a version for a sample person; what is wrong with it in place of it."""
    compiled = versions.compiled([version.pk])[version.pk]
    context = letters.context_of(Subscriber(workspace=workspace, **SAMPLE))
    ends = [rendering.address(f"#click-{number}") for number in range(len(compiled.links))]
    way_out = rendering.address("#unsubscribe")
    try:
        parts = rendering.render(compiled, context, Addresses(b"", ends, None, way_out, _OURS))
    except RenderError as error:
        return f"<pre>{escape(str(error))}</pre>"
    html = a2b_qp(b"".join(parts.html_qp)).decode()
    return marked(html, {link.position: link for link in found})


_OURS = {name: f"#{name}" for name in BUILT_IN["links"]}


def marked(html: str, found: Mapping[int, Link]) -> str:
    """The HTML with how many people followed each numbered link, and which part of all who did."""
    most = max((link.clicked for link in found.values()), default=0)
    people = sum(link.clicked for link in found.values())

    def mark(match: re.Match[str]) -> str:
        link = found.get(int(match["number"]))
        clicked = link.clicked if link else 0
        badge = _BADGE.format(
            heat=0.35 + 0.65 * clicked / most if most else 0.35,
            title=escape(link.url if link else ""),
            text=f"{clicked:,} · {round(100 * clicked / people)} %" if people else "0",
        )
        return f"{match['start']}{match['inside']}{badge}{match['end']}"

    return _LINK.sub(mark, html)
