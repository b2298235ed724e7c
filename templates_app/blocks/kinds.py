"""Every kind of block with its members: the one declaration that validation, schema, writer and
forms read. Pure."""

from __future__ import annotations

from templates_app.blocks.fields import (
    Address,
    Choice,
    Condition,
    Field,
    Flag,
    Some,
    Whole,
    Words,
    colour,
    name,
    path,
)

VERSION = 1
MAX_BLOCKS = 200
ALIGNS = ("left", "center", "right")
TONES = ("plain", "tint", "accent")
LAYOUTS = ("card", "bar", "letter")
FONTS = ("sans", "rounded", "serif", "slab", "mono")
CORNERS = ("round", "square")

# `columns` and `blocks` hold blocks, which `document` reads.
NESTED = {"columns": "columns", "repeat": "blocks"}

_ALIGN = Choice(values=ALIGNS, default="left")
_MEMBERS: dict[str, dict[str, Field]] = {
    "header": {"align": Choice(values=ALIGNS, default="center"), "href": Address()},
    "heading": {
        "text": Words(required=True, max=300),
        "level": Choice(values=(1, 2, 3), default=1),
        "align": _ALIGN,
    },
    "text": {"text": Words(required=True, max=20_000, lines=True), "align": _ALIGN},
    "image": {
        "src": Address(required=True, on_web=True),
        "alt": Words(required=True, max=300),
        "href": Address(),
        "width": Whole(min=16, max=600, default=544),
        "align": Choice(values=ALIGNS, default="center"),
    },
    "button": {
        "text": Words(required=True, max=100),
        "href": Address(required=True),
        "align": _ALIGN,
        "look": Choice(values=("filled", "outline"), default="filled"),
    },
    "columns": {"stack": Flag(default=True)},
    "list": {
        "items": Some(each=Words(required=True, max=1000), required=True, max=50),
        "ordered": Flag(),
    },
    "quote": {"text": Words(required=True, max=2000, lines=True), "by": Words(max=200)},
    "divider": {},
    "spacer": {"height": Whole(min=4, max=120, default=24)},
    "social": {
        "links": Some(
            members={"label": Words(required=True, max=50), "href": Address(required=True)},
            required=True,
            max=12,
        ),
        "align": Choice(values=ALIGNS, default="center"),
    },
    "repeat": {
        "over": path(required=True),
        "item": name(required=True, hint="Name each one in one word, such as item."),
        "limit": Whole(min=0, max=100, default=0),
    },
    "saved": {"block": name(required=True, hint="Name a saved block by its slug.")},
    "html": {"html": Words(required=True, max=100_000, lines=True, code=True)},
    "mjml": {"mjml": Words(required=True, max=100_000, lines=True, code=True)},
    "footer": {
        "text": Words(max=2000, lines=True),
        "unsubscribe": Words(max=100, default="Unsubscribe"),
        "align": Choice(values=ALIGNS, default="center"),
    },
}
KINDS = tuple(_MEMBERS)
# What stands in a column.
SMALL = ("heading", "text", "image", "button", "list", "quote", "divider", "spacer", "html")
_UNTONED = ("mjml", "footer", "saved", "repeat")

THEME: dict[str, Field] = {
    "layout": Choice(values=LAYOUTS, default="card"),
    "accent": colour(),
    "canvas": colour(),
    "paper": colour(),
    "text": colour(),
    "font": Choice(values=FONTS),
    "heading_font": Choice(values=FONTS),
    "corners": Choice(values=CORNERS),
}

BRAND: dict[str, Field] = {
    **THEME,
    "website": Address(max=200, on_web=True),
    "logo": Address(on_web=True),
    "logo_alt": Words(max=300),
    "logo_width": Whole(min=16, max=544),
}

_COMMON: dict[str, Field] = {
    "id": name(required=True, hint="A block has an id of letters and digits."),
    "kind": Choice(values=KINDS, required=True),
    "if": Condition(),
}


def members_of(kind: str, *, is_small: bool = False) -> dict[str, Field]:
    """The members of a block of this kind, but for the blocks in it."""
    toned = not is_small and kind not in _UNTONED
    tone: dict[str, Field] = {"tone": Choice(values=TONES, default="plain")} if toned else {}
    return {**_COMMON, **_MEMBERS[kind], **tone}


def value(block: dict[str, object], member: str) -> object:
    """What a block says, or the default of what it does not say."""
    return block.get(member, members_of(str(block["kind"]))[member].default)
