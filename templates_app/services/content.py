"""What a template is made of, and the HTML that is made of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from accounts.models import Workspace
from emailseq.lib.errors import Invalid, Problem
from templates_app import blocks, mjml
from templates_app.blocks import Block, Document, Look
from templates_app.liquid import TemplateError
from templates_app.models import Brand, Image, SavedBlock, Template
from templates_app.states import ContentMode

CODE = (ContentMode.MJML, ContentMode.MARKDOWN)
MAX_SOURCE = 400_000
_PICTURE = re.compile(r"<img\b[^>]*/i/([0-9a-f]{32})\.[^>]*>")
_WIDTH = re.compile(r' width="(\d+)"')


def look_of(workspace: Workspace) -> Look:
    """How the messages of a workspace look."""
    brand = Brand.objects.of(workspace).first()
    return brand.look if brand else Look()


def change(template: Template, changes: dict[str, Any]) -> None:
    """Put what was given of mode, source, document and html onto the template, and make its HTML.

    A template that changes its mode without new content goes on with what it can: blocks become
    MJML, and either becomes HTML. What it was made of before is kept. Raises Invalid.
    """
    before = template.mode
    template.mode = _mode(template, changes)
    if template.mode != ContentMode.HTML and changes.get("html", template.html) != template.html:
        detail = f"The HTML is made of {template.get_mode_display()}: set “mode” to “html” first."
        raise Invalid.field("html", "made", detail)
    if template.mode == ContentMode.HTML:
        template.html = changes.get("html", template.html)
    template.source = changes.get("source", template.source)
    template.document = changes.get("document", template.document)
    if template.mode == ContentMode.BLOCKS and template.document is None:
        template.document = blocks.empty()
    if before == ContentMode.BLOCKS and template.mode in CODE and "source" not in changes:
        is_mjml = template.mode == ContentMode.MJML
        template.source = _mjml_of_blocks(template) if is_mjml else ""
    make(template)


def make(template: Template) -> None:
    """Make the HTML of what the template is made of. Raises Invalid."""
    if template.mode != ContentMode.HTML:
        template.html = _sized(_MAKERS[ContentMode(template.mode)](template))


def written(template: Template) -> Iterator[tuple[str, str]]:
    """Each stretch of Liquid that somebody has written, by its JSON pointer."""
    yield "/subject", template.subject
    yield "/text", template.text
    if template.mode == ContentMode.HTML:
        yield "/html", template.html
    elif template.mode in CODE:
        yield "/source", template.source
    elif template.mode == ContentMode.BLOCKS:
        yield from blocks.sources(document_of(template), at="/document")
        yield from _saved_sources(template)


def part_of(template: Template) -> str:
    """The member that a fault of the whole HTML is about."""
    return {ContentMode.HTML: "html", ContentMode.BLOCKS: "document"}.get(
        ContentMode(template.mode), "source"
    )


def document_of(template: Template) -> Document:
    """Its blocks; to begin with, none."""
    return template.document or blocks.empty()


def saved_blocks(template: Template) -> list[SavedBlock]:
    """The saved blocks that its document holds."""
    if template.mode != ContentMode.BLOCKS:
        return []
    slugs = blocks.saved_in(document_of(template))
    return list(SavedBlock.objects.of(template.workspace).filter(slug__in=slugs)) if slugs else []


def _mode(template: Template, changes: dict[str, Any]) -> str:
    if mode := changes.get("mode"):
        if mode not in ContentMode.values:
            listed = ", ".join(ContentMode.values)
            raise Invalid.field("mode", "invalid_choice", f"Choose one of: {listed}.")
        return str(mode)
    if changes.get("document") is not None:
        return ContentMode.BLOCKS
    if changes.get("source") and template.mode not in CODE:
        raise Invalid.field("mode", "required", "Say whether the source is mjml or markdown.")
    return template.mode


def _from_blocks(template: Template) -> str:
    return _to_html(_mjml_of_blocks(template), "document")


def _from_mjml(template: Template) -> str:
    return _to_html(template.source, "source") if template.source.strip() else ""


def _from_markdown(template: Template) -> str:
    """A document of one text."""
    if not template.source.strip():
        return ""
    text: Block = {"id": "text", "kind": "text", "text": template.source}
    document: Document = {**blocks.empty(), "blocks": [text]}
    try:
        source = blocks.to_mjml(document, look=look_of(template.workspace), saved={})
    except TemplateError as error:
        raise Invalid.field("source", "template_invalid", str(error)) from None
    return _to_html(source, "source")


def _nothing(template: Template) -> str:
    return ""


_MAKERS: dict[ContentMode, Callable[[Template], str]] = {
    ContentMode.BLOCKS: _from_blocks,
    ContentMode.MJML: _from_mjml,
    ContentMode.MARKDOWN: _from_markdown,
    ContentMode.TEXT: _nothing,
}


def _sized(html: str) -> str:
    """The HTML with the heights of our own pictures, so that nothing jumps when they come."""
    keys = set(_PICTURE.findall(html))
    if not keys:
        return html
    sizes = Image.objects.filter(key__in=keys).values_list("key", "width", "height")
    shares = {key: height / width for key, width, height in sizes}

    def sized(tag: re.Match[str]) -> str:
        width = _WIDTH.search(tag[0])
        if width is None or tag[1] not in shares:
            return tag[0]
        height = max(1, round(int(width[1]) * shares[tag[1]]))
        return tag[0].replace(' height="auto"', f' height="{height}"')

    return _PICTURE.sub(sized, html)


def _mjml_of_blocks(template: Template) -> str:
    if problems := blocks.faults(template.document, at="/document"):
        raise Invalid(problems)
    document = document_of(template)
    saved = {saved.slug: saved.blocks for saved in saved_blocks(template)}
    if missing := [
        Problem(f"/document{place.pointer}/block", "not_found", _no_block(place.block["block"]))
        for place in blocks.walk(document["blocks"])
        if place.block["kind"] == "saved" and place.block["block"] not in saved
    ]:
        raise Invalid(missing)
    return blocks.to_mjml(document, look=look_of(template.workspace), saved=saved)


def _no_block(slug: str) -> str:
    return f"There is no saved block called “{slug}”."


def _saved_sources(template: Template) -> Iterator[tuple[str, str]]:
    """What stands in its saved blocks is a fault of the place that holds them."""
    saved = {saved.slug: saved.blocks for saved in saved_blocks(template)}
    for block, pointer, _ in blocks.walk(document_of(template)["blocks"]):
        if block["kind"] == "saved":
            inside = {**blocks.empty(), "blocks": saved[block["block"]]}
            for _, source in blocks.sources(inside):
                yield f"/document{pointer}/block", source


def _to_html(source: str, member: str) -> str:
    if len(source) > MAX_SOURCE:
        detail = f"This is larger than {MAX_SOURCE // 1000} KB."
        raise Invalid.field(member, "too_long", detail)
    try:
        return mjml.to_html(source)
    except TemplateError as error:
        raise Invalid.field(member, "template_invalid", str(error)) from None
