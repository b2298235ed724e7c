"""A document of blocks: what is wrong with one, what is in it, and its JSON schema. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from emailseq.lib.errors import Problem
from templates_app import mjml
from templates_app.blocks.fields import Address, Condition, Some, Words, faults_of, schema_of
from templates_app.blocks.kinds import (
    BRAND,
    KINDS,
    MAX_BLOCKS,
    NESTED,
    SMALL,
    THEME,
    VERSION,
    members_of,
)
from templates_app.liquid import TemplateError

MAX_SIZE = 256 * 1024
COLUMNS = (2, 3)

Block = dict[str, Any]
Document = dict[str, Any]

_PREHEADER = Words(max=300)


class Place(NamedTuple):
    """A block where it stands; `loops` are the repeats around it, from the outside."""

    block: Block
    pointer: str
    loops: tuple[Block, ...] = ()


def empty() -> Document:
    """A document to begin with."""
    return {"v": VERSION, "preheader": "", "theme": {}, "blocks": []}


def faults(document: Any, *, at: str = "") -> list[Problem]:
    """All that is wrong with a document: where, what, and what to do about it."""
    if not isinstance(document, dict):
        return [Problem(at, "invalid_type", "A document is an object with “blocks”.")]
    if len(json.dumps(document)) > MAX_SIZE:
        return [Problem(at, "too_long", f"The document is larger than {MAX_SIZE // 1024} KB.")]
    found = list(_faults(document, at))
    return found or _repeated(document, at)


def _faults(document: Document, at: str) -> Iterator[Problem]:
    known = {"v", "preheader", "theme", "blocks"}
    for unknown in sorted(str(each) for each in document.keys() - known):
        yield Problem(f"{at}/{unknown[:50]}", "unknown", f"A document has no “{unknown[:50]}”.")
    if document.get("v") != VERSION:
        yield Problem(f"{at}/v", "invalid_choice", f"This reads documents of “v”: {VERSION}.")
    yield from _PREHEADER.faults(document.get("preheader", ""), f"{at}/preheader")
    yield from faults_of(document.get("theme", {}), THEME, f"{at}/theme")
    yield from faults_of_blocks(document.get("blocks"), f"{at}/blocks")


def faults_of_blocks(blocks: Any, at: str, *, kinds: tuple[str, ...] = KINDS) -> Iterator[Problem]:
    """What is wrong with the blocks of one place, which takes those of `kinds`."""
    if not isinstance(blocks, list):
        yield Problem(at, "required", "“blocks” is a list of blocks.")
        return
    for number, block in enumerate(blocks):
        yield from _faults_of_block(block, f"{at}/{number}", kinds=kinds)


def _faults_of_block(block: Any, at: str, *, kinds: tuple[str, ...]) -> Iterator[Problem]:
    kind = block.get("kind") if isinstance(block, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        listed = ", ".join(kinds)
        yield Problem(f"{at}/kind", "invalid_choice", f"A block here is one of: {listed}.")
        return
    nested = NESTED.get(kind)
    own = {key: value for key, value in block.items() if key != nested}
    yield from faults_of(own, members_of(kind, is_small=kinds is SMALL), at)
    if kind == "mjml" and isinstance(source := block.get("mjml"), str):
        yield from _faults_of_mjml(source, f"{at}/mjml")
    if kind == "repeat":
        inside = tuple(each for each in KINDS if each not in ("repeat", "footer", "header"))
        yield from faults_of_blocks(block.get("blocks"), f"{at}/blocks", kinds=inside)
    if kind == "columns":
        columns = block.get("columns")
        if not isinstance(columns, list) or len(columns) not in COLUMNS:
            yield Problem(f"{at}/columns", "out_of_range", "There are two or three columns.")
            return
        for number, column in enumerate(columns):
            yield from faults_of_blocks(column, f"{at}/columns/{number}", kinds=SMALL)


def _faults_of_mjml(source: str, at: str) -> Iterator[Problem]:
    try:
        mjml.check_part(source)
    except TemplateError as error:
        yield Problem(at, "template_invalid", str(error))


def _repeated(document: Document, at: str) -> list[Problem]:
    """Ids are what everything else refers to a block by; and nobody reads 200 blocks."""
    places = list(walk(document["blocks"], f"{at}/blocks"))
    if len(places) > MAX_BLOCKS:
        detail = f"There are more than {MAX_BLOCKS} blocks."
        return [Problem(f"{at}/blocks", "too_many", detail)]
    seen: set[str] = set()
    found = []
    for block, pointer, _ in places:
        if block["id"] in seen:
            detail = f"Another block has the id “{block['id']}”, too."
            found.append(Problem(f"{pointer}/id", "duplicate", detail))
        seen.add(block["id"])
    return found


def faults_of_saved(blocks: Any, *, at: str = "") -> list[Problem]:
    """All that is wrong with blocks that are saved to be put into documents."""
    inside = tuple(kind for kind in KINDS if kind != "saved")
    made = {"v": VERSION, "blocks": blocks}
    found = list(faults_of_blocks(blocks, at, kinds=inside))
    return found or [
        Problem(each.pointer.replace("/blocks", at, 1), each.code, each.detail)
        for each in _repeated(made, "")
    ]


def faults_of_brand(members: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with the members of a brand; colours may not be empty."""
    yield from faults_of(members, BRAND, "")
    for key in ("accent", "canvas", "paper", "text"):
        if members.get(key) == "":
            yield Problem(f"/{key}", "required", "Write a colour as six digits, such as #2457d6.")


def walk(
    blocks: list[Block], at: str = "/blocks", *, loops: tuple[Block, ...] = ()
) -> Iterator[Place]:
    """Every block, in the order of reading, each before those in it."""
    for number, block in enumerate(blocks):
        pointer = f"{at}/{number}"
        yield Place(block, pointer, loops)
        for index, column in enumerate(block.get("columns", ())):
            yield from walk(column, f"{pointer}/columns/{index}", loops=loops)
        if block["kind"] == "repeat":
            yield from walk(block["blocks"], f"{pointer}/blocks", loops=(*loops, block))


def sources(document: Document, *, at: str = "") -> Iterator[tuple[str, str]]:
    """Each stretch of Liquid with its pointer, within the loops that it stands in."""
    yield f"{at}/preheader", document.get("preheader", "")
    for block, pointer, loops in walk(document["blocks"], f"{at}/blocks"):
        for where, source in _sources(block, pointer):
            for loop in reversed(loops):
                source = f"{{% for {loop['item']} in {loop['over']} %}}{source}{{% endfor %}}"
            yield where, source


def _sources(block: Block, pointer: str) -> Iterator[tuple[str, str]]:
    for key, field in members_of(block["kind"]).items():
        value = block.get(key)
        if value and isinstance(field, Condition):
            yield f"{pointer}/{key}", f"{{% if {value} %}}{{% endif %}}"
        elif value and isinstance(field, Words | Address):
            yield f"{pointer}/{key}", value
        elif value and isinstance(field, Some):
            for number, item in enumerate(value):
                texts = item.items() if isinstance(item, dict) else [("", item)]
                for member, text in texts:
                    yield f"{pointer}/{key}/{number}{'/' if member else ''}{member}", text
    if block["kind"] == "repeat":
        loop = f"{{% for {block['item']} in {block['over']} %}}{{% endfor %}}"
        yield f"{pointer}/over", loop


def saved_in(document: Document) -> set[str]:
    """The slugs of the saved blocks that a document uses."""
    places = walk(document["blocks"])
    return {place.block["block"] for place in places if place.block["kind"] == "saved"}


def schema() -> dict[str, Any]:
    """The JSON schema of a document."""
    small = [_schema_of(kind, is_small=True) for kind in SMALL]
    blocks = [_schema_of(kind, small=small) for kind in KINDS]
    return {
        "type": "object",
        "required": ["v", "blocks"],
        "additionalProperties": False,
        "properties": {
            "v": {"const": VERSION},
            "preheader": _PREHEADER.schema(),
            "theme": schema_of(THEME),
            "blocks": {"type": "array", "maxItems": MAX_BLOCKS, "items": {"oneOf": blocks}},
        },
    }


def _schema_of(
    kind: str, *, is_small: bool = False, small: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    made = schema_of(members_of(kind, is_small=is_small))
    made["title"] = kind
    made["properties"]["kind"] = {"const": kind}
    if kind == "columns":
        column = {"type": "array", "items": {"oneOf": small}}
        made["properties"]["columns"] = {
            "type": "array",
            "minItems": min(COLUMNS),
            "maxItems": max(COLUMNS),
            "items": column,
        }
        made["required"].append("columns")
    if kind == "repeat":
        made["properties"]["blocks"] = {"type": "array", "items": {"type": "object"}}
        made["required"].append("blocks")
    return made
