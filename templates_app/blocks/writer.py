"""A document of blocks as MJML. Pure; the document has no faults.

Each block stands in sections of its own, never in a wrapper: Liquid between the sections of one
would end up in a comment for Outlook.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from templates_app import liquid
from templates_app.blocks.document import Block, Document
from templates_app.blocks.kinds import value
from templates_app.blocks.look import STACKS, Look
from templates_app.blocks.sheet import sheet
from templates_app.markdown import line_to_html, to_html

WIDTH = 600
_SIZES = {1: 28, 2: 21, 3: 17}


def to_mjml(document: Document, *, look: Look, saved: Mapping[str, list[Block]]) -> str:
    """The MJML of a document. `saved` are the blocks behind each slug; raises KeyError."""
    return _Writer(look.with_theme(document.get("theme", {})), saved).written(document)


class _Writer:
    def __init__(self, look: Look, saved: Mapping[str, list[Block]]) -> None:
        self.look = look
        self.saved = saved

    def written(self, document: Document) -> str:
        look = self.look
        preheader = words(document.get("preheader", ""))
        shown = f"<mj-preview>{preheader}</mj-preview>" if preheader else ""
        body = look.paper if look.layout == "letter" else look.canvas
        return (
            f'<mjml><mj-head>{shown}<mj-attributes><mj-all font-family="{STACKS[look.font]}" />'
            f'<mj-text font-size="16px" line-height="1.6" color="{look.text}" padding="0" />'
            '<mj-section padding="0" /><mj-column padding="0" />'
            f"</mj-attributes><mj-style>{sheet(look)}</mj-style></mj-head>"
            f'<mj-body width="{WIDTH}px" background-color="{body}" css-class="es-canvas">'
            f"{self._body(document['blocks'])}</mj-body></mjml>"
        )

    def _body(self, blocks: list[Block]) -> str:
        """The paper, and beneath it what is no part of it: the footers at the end."""
        end = len(blocks)
        while end and blocks[end - 1]["kind"] == "footer":
            end -= 1
        paper, beneath = blocks[:end], blocks[end:]
        return (
            self._gap(24)
            + self._cap(paper, first=True)
            + self._sections(paper)
            + self._cap(paper, first=False)
            + self._gap(8)
            + self._sections(beneath)
            + self._gap(24)
        )

    def _gap(self, height: int) -> str:
        return _section(f'<mj-spacer height="{height}px" />', "es-gap")

    def _cap(self, paper: list[Block], *, first: bool) -> str:
        """The round edge of the paper, in the colour of the block beside it."""
        if self.look.layout == "letter" or not paper:
            return ""
        tone = _tone(paper[0 if first else -1])
        if first and self.look.layout == "bar":
            tone = "accent"
        radius = 2 * self.look.radius
        corners = f"{radius}px {radius}px 0 0" if first else f"0 0 {radius}px {radius}px"
        return _section(
            f'<mj-spacer height="{max(radius, 8)}px" />',
            f"es-{tone}",
            background_color=self._ground(tone),
            border_radius=corners,
        )

    def _ground(self, tone: str) -> str:
        return {"tint": self.look.tint, "accent": self.look.accent}.get(tone, self.look.paper)

    def _sections(self, blocks: list[Block]) -> str:
        tones = ["", *(_tone(block) for block in blocks), ""]
        written = []
        for number, block in enumerate(blocks):
            tone = tones[number + 1]
            edge = 8 if tone == "plain" else 20
            top = edge if tones[number] != tone else 0
            bottom = edge if tones[number + 2] != tone else 0
            written.append(self._block(block, padding=f"{top}px 0 {bottom}px"))
        return "".join(written)

    def _block(self, block: Block, *, padding: str) -> str:
        written = self._unconditional(block, padding)
        return f"{{% if {block['if']} %}}{written}{{% endif %}}" if block.get("if") else written

    def _unconditional(self, block: Block, padding: str) -> str:
        kind, tone = block["kind"], _tone(block)
        if kind == "mjml":
            return str(block["mjml"])
        if kind == "saved":
            return self._sections(self.saved[block["block"]])
        if kind == "repeat":
            return self._repeat(block)
        look = {"padding": padding, "background_color": self._ground(tone)}
        if kind == "footer":
            return _section(self._footer(block), "es-foot")
        if kind == "columns":
            columns = "".join(self._column(column) for column in block["columns"])
            stacked = columns if value(block, "stack") else f"<mj-group>{columns}</mj-group>"
            return _bare_section(stacked, f"es-{tone} es-columns", **look)
        return _section(self._small(block, tone, sides=28), f"es-{tone}", **look)

    def _repeat(self, block: Block) -> str:
        limit = f" limit: {block['limit']}" if block.get("limit") else ""
        inside = self._sections(block["blocks"])
        return f"{{% for {block['item']} in {block['over']}{limit} %}}{inside}{{% endfor %}}"

    def _column(self, column: list[Block]) -> str:
        inside = "".join(self._optional(block) for block in column)
        return f'<mj-column vertical-align="top">{inside}</mj-column>'

    def _optional(self, block: Block) -> str:
        written = self._small(block, "plain", sides=28)
        return f"{{% if {block['if']} %}}{written}{{% endif %}}" if block.get("if") else written

    def _small(self, block: Block, tone: str, *, sides: int) -> str:
        write = getattr(self, f"_{block['kind']}")
        return str(write(block, tone, f"8px {sides}px"))

    def _ink(self, tone: str) -> str:
        return self.look.on_accent if tone == "accent" else self.look.text

    def _header(self, block: Block, tone: str, padding: str) -> str:
        look, align, href = self.look, value(block, "align"), _link(block)
        if look.logo:
            return _image(
                look.logo,
                f'alt="{words(look.logo_alt or "{{ workspace.name }}")}" '
                f'width="{look.logo_width}px" align="{align}" padding="{padding}"{href}',
            )
        name = "{{ workspace.name }}"
        if href:
            name = f'<a{href} class="es-name">{name}</a>'
        return self._said(
            name, tone, f'{_style(align, padding)} font-size="18px" font-weight="700"'
        )

    def _heading(self, block: Block, tone: str, padding: str) -> str:
        level = int(str(value(block, "level")))
        size = _SIZES[level]
        inside = f'<h{level} class="es-h">{words(block["text"])}</h{level}>'
        style = f'{_style(value(block, "align"), padding)} font-size="{size}px" line-height="1.25"'
        return self._said(
            inside,
            tone,
            f'{style} font-weight="700" font-family="{STACKS[self.look.heading_font]}"',
        )

    def _text(self, block: Block, tone: str, padding: str) -> str:
        return self._said(to_html(block["text"]), tone, _style(value(block, "align"), padding))

    def _said(self, html: str, tone: str, style: str) -> str:
        named = "es-text es-inverse" if tone == "accent" else "es-text"
        return f'<mj-text css-class="{named}" color="{self._ink(tone)}" {style}>{html}</mj-text>'

    def _list(self, block: Block, tone: str, padding: str) -> str:
        items = "".join(f"<li>{line_to_html(item)}</li>" for item in block["items"])
        name = "ol" if value(block, "ordered") else "ul"
        return self._said(f"<{name}>{items}</{name}>", tone, _style("left", padding))

    def _quote(self, block: Block, tone: str, padding: str) -> str:
        by = f'<p class="es-by">{words(block["by"])}</p>' if block.get("by") else ""
        inside = f"<blockquote>{to_html(block['text'])}{by}</blockquote>"
        return self._said(inside, tone, _style("left", padding))

    def _image(self, block: Block, tone: str, padding: str) -> str:
        is_wide = int(str(value(block, "width"))) > WIDTH - 56
        attributes = (
            f'alt="{words(block["alt"])}" width="{value(block, "width")}px" '
            f'align="{value(block, "align")}" padding="{"0" if is_wide else padding}" '
            f'border-radius="{0 if is_wide else self.look.radius}px"{_link(block)}'
        )
        return _image(block["src"], attributes)

    def _button(self, block: Block, tone: str, padding: str) -> str:
        look = self.look
        is_filled = value(block, "look") == "filled"
        ground, ink = (
            (look.accent, look.on_accent) if is_filled else (self._ground(tone), look.link)
        )
        if tone == "accent":
            ground, ink = (look.on_accent, look.accent) if is_filled else (ground, look.on_accent)
        named = "es-button" if is_filled else "es-outline"
        return (
            f'<mj-button css-class="{named} es-on-{tone}" background-color="{ground}" '
            f'color="{ink}" border="2px solid {ground if is_filled else ink}" '
            f'border-radius="{look.radius}px" font-size="16px" font-weight="600" '
            'line-height="1.25" inner-padding="13px 26px" '
            f'align="{value(block, "align")}" padding="{padding}"'
            f"{_link(block)}>{words(block['text'])}</mj-button>"
        )

    def _divider(self, block: Block, tone: str, padding: str) -> str:
        return (
            f'<mj-divider css-class="es-line" border-width="1px" border-color="{self.look.line}" '
            f'padding="{padding}" />'
        )

    def _spacer(self, block: Block, tone: str, padding: str) -> str:
        return f'<mj-spacer height="{value(block, "height")}px" />'

    def _social(self, block: Block, tone: str, padding: str) -> str:
        links = " &#160;·&#160; ".join(
            f"<a{_link(link)}>{words(link['label'])}</a>" for link in block["links"]
        )
        return self._said(links, tone, f'{_style(value(block, "align"), padding)} font-size="15px"')

    def _html(self, block: Block, tone: str, padding: str) -> str:
        return self._said(block["html"], tone, _style("left", padding))

    def _footer(self, block: Block) -> str:
        parts = [to_html(block["text"])] if block.get("text") else []
        parts.append("<p>{{ workspace.name }}, {{ workspace.postal_address }}</p>")
        if label := value(block, "unsubscribe"):
            parts.append(f'<p><a href="{{{{ links.unsubscribe }}}}">{words(str(label))}</a></p>')
        style = f'{_style(value(block, "align"), "4px 28px")} font-size="13px" line-height="1.5"'
        return (
            f'<mj-text css-class="es-small" color="{self.look.muted}" {style}>'
            f"{''.join(parts)}</mj-text>"
        )


def words(source: str) -> str:
    """Text for an element or attribute: escaped but for its Liquid."""
    return "".join(
        escape(piece.source) if piece.kind == "text" else piece.source
        for piece in liquid.pieces(source)
    )


def _tone(block: Block) -> str:
    return str(block.get("tone", "plain"))


def _style(align: object, padding: str) -> str:
    return f'align="{align}" padding="{padding}"'


def _link(holder: Mapping[str, str]) -> str:
    return f' href="{words(holder["href"])}"' if holder.get("href") else ""


def _image(src: str, attributes: str) -> str:
    return f'<mj-image css-class="es-image" src="{words(src)}" {attributes} />'


def _section(inside: str, named: str, **attributes: str) -> str:
    return _bare_section(f"<mj-column>{inside}</mj-column>", named, **attributes)


def _bare_section(columns: str, named: str, **attributes: str) -> str:
    written = "".join(f' {name.replace("_", "-")}="{each}"' for name, each in attributes.items())
    return f'<mj-section css-class="{named}"{written}>{columns}</mj-section>'
