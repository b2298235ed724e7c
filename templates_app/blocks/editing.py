"""Changes of a document: a copy comes out, and what went in stays as it was. Pure."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from templates_app.blocks.document import Block, Document, walk
from templates_app.blocks.kinds import KINDS, SMALL

# What a new block says, so that it is whole from the beginning.
_NEW: dict[str, dict[str, Any]] = {
    "heading": {"text": "A heading"},
    "text": {"text": "Write your text here."},
    "image": {"src": "https://example.com/picture.png", "alt": "What the picture shows"},
    "button": {"text": "Read more", "href": "https://example.com/"},
    "columns": {"columns": [[], []]},
    "list": {"items": ["The first", "The second"]},
    "quote": {"text": "What somebody said."},
    "social": {"links": [{"label": "Website", "href": "https://example.com/"}]},
    "repeat": {"over": "data.items", "item": "item", "blocks": []},
    "html": {"html": "<p>HTML of your own</p>"},
    "mjml": {
        "mjml": "<mj-section>\n  <mj-column>\n    <mj-text>MJML of your own</mj-text>\n"
        "  </mj-column>\n</mj-section>"
    },
}


def kinds_in(place: str) -> tuple[str, ...]:
    """The kinds of blocks that a place takes. See `add`."""
    if "." in place:
        return SMALL
    return tuple(kind for kind in KINDS if not place or kind not in ("repeat", "footer", "header"))


def find(document: Document, block: str) -> Block | None:
    """The block of this id."""
    places = walk(document["blocks"])
    return next((place.block for place in places if place.block["id"] == block), None)


def add(document: Document, kind: str, *, place: str = "", **members: Any) -> tuple[Document, str]:
    """Put a new block at the end of a place; returns its id as well.

    A place is "" for the document, the id of a repeat, or the id of columns, a dot and a number. At
    the end of the document it comes before the footers there. Raises LookupError.
    """
    if kind not in kinds_in(place):
        raise LookupError(kind)
    changed = deepcopy(document)
    blocks = _place(changed, place)
    made = _free(changed)
    at = len(blocks)
    while not place and kind != "footer" and at and blocks[at - 1]["kind"] == "footer":
        at -= 1
    blocks.insert(at, {"id": made, "kind": kind, **deepcopy(_NEW.get(kind, {})), **members})
    return changed, made


def move(document: Document, block: str, *, by: int) -> Document:
    """Move a block among those of its place, as far as that goes. Raises LookupError."""
    changed = deepcopy(document)
    blocks, at = _where(changed["blocks"], block)
    blocks.insert(max(0, at + by), blocks.pop(at))
    return changed


def duplicate(document: Document, block: str) -> tuple[Document, str]:
    """Put a copy behind the block; returns its id as well. Raises LookupError."""
    changed = deepcopy(document)
    blocks, at = _where(changed["blocks"], block)
    copied = deepcopy(blocks[at])
    blocks.insert(at + 1, copied)
    for inside, _, _ in walk([copied]):
        inside["id"] = _free(changed)
    return changed, str(copied["id"])


def remove(document: Document, block: str) -> Document:
    """Take a block out, and those in it. Raises LookupError."""
    changed = deepcopy(document)
    blocks, at = _where(changed["blocks"], block)
    del blocks[at]
    return changed


def rewrite(document: Document, block: str, members: dict[str, Any]) -> Document:
    """Give a block these members; None takes one away. Raises LookupError."""
    changed = deepcopy(document)
    blocks, at = _where(changed["blocks"], block)
    merged = {**blocks[at], **members}
    blocks[at] = {key: value for key, value in merged.items() if value is not None}
    return changed


def _place(document: Document, place: str) -> list[Block]:
    name, _, column = place.partition(".")
    holder = find(document, name) if place else document
    inside: list[Block] | None = None
    if holder and column.isdecimal() and int(column) < len(holder.get("columns", ())):
        inside = holder["columns"][int(column)]
    elif holder and not column:
        inside = holder.get("blocks")
    if inside is None:
        raise LookupError(place)
    return inside


def _where(blocks: list[Block], wanted: str) -> tuple[list[Block], int]:
    for at, block in enumerate(blocks):
        if block["id"] == wanted:
            return blocks, at
        for inner in (*block.get("columns", ()), block.get("blocks", ())):
            try:
                return _where(inner, wanted)
            except LookupError:
                continue
    raise LookupError(wanted)


def _free(document: Document) -> str:
    taken = {block["id"] for block, _, _ in walk(document["blocks"])}
    number = len(taken) + 1
    while f"b{number}" in taken:
        number += 1
    return f"b{number}"
