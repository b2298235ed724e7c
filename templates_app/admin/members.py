"""What blocks say as fields of one form: each member of each block by a name of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django import forms

from templates_app.admin.block_forms import KIND_NAMES, field_of, read, shown
from templates_app.blocks import Block, Document, editing, walk
from templates_app.blocks.fields import Field
from templates_app.blocks.kinds import members_of


class Member(NamedTuple):
    """One member of a block."""

    block: Block
    pointer: str
    name: str
    kind: Field

    @property
    def key(self) -> str:
        """The name of its field: the same in documents that were copied from each other."""
        return f"{self.block['id']}.{self.name}"

    @property
    def shown(self) -> Any:
        return shown(self.name, self.block)

    def field(self) -> forms.Field:
        made, kind = field_of(self.name, self.kind), KIND_NAMES[self.block["kind"]]
        if str(made.label) != str(kind):
            made.label = f"{kind}: {made.label}"
        return made


def members(blocks: list[Block]) -> Iterator[Member]:
    """All members of blocks and of those in them, in the order of reading."""
    for block, pointer, _loops in walk(blocks):
        own = members_of(block["kind"], is_small="/columns/" in pointer)
        own["if"] = own.pop("if")  # comes last
        yield from (
            Member(block, pointer, name, kind)
            for name, kind in own.items()
            if name not in ("id", "kind")
        )


def rewritten(document: Document, given: dict[str, Any]) -> Document:
    """The document with what was filled in."""
    for member in members(document["blocks"]):
        if member.key in given:
            said = {member.name: read(member.kind, given[member.key])}
            document = editing.rewrite(document, member.block["id"], said)
    return document


def key_at(blocks: list[Block], pointer: str) -> str | None:
    """The field that a fault is about, by its pointer, which begins with `/blocks`."""
    for member in members(blocks):
        if f"{pointer}/".startswith(f"{member.pointer}/{member.name}/"):
            return member.key
    return None
