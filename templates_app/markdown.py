"""Markdown to HTML, both with Liquid in them. Pure; the only importer of `markdown_it`.

HTML in it is text, and `javascript:` links are none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from markdown_it import MarkdownIt

from templates_app.shield import Shield

_LINE_OF_TAGS = re.compile(r"^[ \t]*((?:\{%(?:(?!%\}).)*%\}[ \t]*)+)$", re.MULTILINE)


def to_html(source: str) -> str:
    """Paragraphs, headings, lists, quotes, emphasis, links, images and rules; no HTML."""
    return _made(_LINE_OF_TAGS.sub(r"\n\1\n", source), is_inline=False)


def line_to_html(source: str) -> str:
    """The same for a single line: emphasis and links."""
    return _made(source, is_inline=True)


def _made(source: str, *, is_inline: bool) -> str:
    shield = Shield(source)
    render = _markdown().renderInline if is_inline else _markdown().render

    def without_paragraph(found: re.Match[str]) -> str:
        is_tags = all(shield.pieces[number].name for number in shield.tokens(found[1]))
        return found[1] if is_tags else found[0]

    alone = rf"<p>((?:\s*{shield.token.pattern})+)</p>"
    return shield.revealed(re.sub(alone, without_paragraph, str(render(shield.hidden))))


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True, "breaks": True})
    return markdown.enable("strikethrough")
