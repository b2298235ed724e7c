"""A form for each kind of block, made of what the kind declares."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from emailseq.backoffice.forms import VerbForm
from templates_app.blocks import Block
from templates_app.blocks.fields import Choice, Condition, Field, Flag, Some, Whole, Words
from templates_app.blocks.kinds import members_of, value
from templates_app.models import SavedBlock

KIND_NAMES = {
    "header": _("Header"),
    "heading": _("Heading"),
    "text": _("Text"),
    "image": _("Image"),
    "button": _("Button"),
    "columns": _("Columns"),
    "list": _("List"),
    "quote": _("Quote"),
    "divider": _("Line"),
    "spacer": _("Space"),
    "social": _("Links"),
    "repeat": _("Repeat"),
    "saved": _("Saved block"),
    "html": "HTML",
    "mjml": "MJML",
    "footer": _("Footer"),
}
ICONS = {
    "header": "web_asset",
    "heading": "title",
    "text": "notes",
    "image": "image",
    "button": "smart_button",
    "columns": "view_column",
    "list": "format_list_bulleted",
    "quote": "format_quote",
    "divider": "horizontal_rule",
    "spacer": "height",
    "social": "link",
    "repeat": "repeat",
    "saved": "bookmark",
    "html": "code",
    "mjml": "data_object",
    "footer": "call_to_action",
}
_LABELS = {
    "text": _("Text"),
    "level": _("Size"),
    "align": _("Stands"),
    "tone": _("Background"),
    "href": _("Leads to"),
    "src": _("Address of the picture"),
    "alt": _("What it shows"),
    "width": _("Width"),
    "look": _("Look"),
    "stack": _("One below the other on phones"),
    "items": _("Items, one a line"),
    "ordered": _("Numbered"),
    "by": _("Who said it"),
    "height": _("Height"),
    "links": _("One a line: label, a bar, address"),
    "over": _("For each of"),
    "item": _("Called"),
    "limit": _("At most (0: all)"),
    "block": _("Its slug"),
    "html": "HTML",
    "mjml": "MJML",
    "unsubscribe": _("Words of the way out"),
    "if": _("Show only if"),
}
_HELP = {
    "if": _("Such as: subscriber.first_name != blank"),
    "href": _("Such as https://… or {{ links.unsubscribe }}"),
}
_WORDS = {
    "left": pgettext_lazy("alignment", "Left"),
    "center": _("In the middle"),
    "right": _("Right"),
    "plain": _("Paper"),
    "tint": _("Tinted"),
    "accent": _("Coloured"),
    "filled": _("Filled"),
    "outline": _("Outline"),
    1: _("Large"),
    2: _("Medium"),
    3: _("Small"),
}
_MARKDOWN = _("Markdown: **bold**, *italic*, [words](https://…), and merge fields.")


class BlockForm(VerbForm):
    """The members of one block; `block` and `is_small` come with the class that `form_of` makes."""

    block: Block
    is_small = False

    def extra_fields(self) -> dict[str, forms.Field]:
        members = members_of(self.block["kind"], is_small=self.is_small)
        members["if"] = members.pop("if")  # comes last
        fields = {
            name: field_of(name, member)
            for name, member in members.items()
            if name not in ("id", "kind")
        }
        if self.block["kind"] == "saved":
            saved = SavedBlock.objects.of(self.request.workspace).order_by("name")
            fields["block"] = forms.ChoiceField(
                choices=list(saved.values_list("slug", "name")), label=_("Which one")
            )
        return fields

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.initial = {name: shown(name, self.block) for name in self.fields}

    def members(self) -> dict[str, Any]:
        """What the block is to say; what says the default, or nothing, is left out."""
        declared = members_of(self.block["kind"], is_small=self.is_small)
        return {
            name: read(declared[name], given)
            for name, given in self.cleaned_data.items()
            if name in declared
        }


def form_of(block: Block, *, is_small: bool) -> type[BlockForm]:
    """The form of a block."""
    return type("Form", (BlockForm,), {"block": block, "is_small": is_small})


def summary(block: Block) -> str:
    """A few words of what a block says."""
    for name in ("text", "alt", "html", "mjml", "block", "over", "quote"):
        if block.get(name):
            return " ".join(str(block[name]).split())[:70]
    if block.get("items"):
        return ", ".join(block["items"])[:70]
    return ", ".join(link["label"] for link in block.get("links", ()))[:70]


def field_of(name: str, member: Field) -> forms.Field:
    """The field of a form for one member of a block."""
    label = _LABELS.get(name, name)
    shared: dict[str, Any] = {"label": label, "required": False, "help_text": _HELP.get(name, "")}
    if isinstance(member, Choice):
        choices = [(each, _WORDS.get(each, each)) for each in member.values]
        coerce = int if isinstance(next(iter(member.values)), int) else str
        return forms.TypedChoiceField(choices=choices, coerce=coerce, **shared)
    if isinstance(member, Whole):
        return forms.IntegerField(**shared)
    if isinstance(member, Flag):
        return forms.BooleanField(**shared)
    if isinstance(member, Some):
        return forms.CharField(widget=forms.Textarea({"rows": 5}), **shared)
    if isinstance(member, Words) and member.lines:
        look = (
            {"rows": 12, "class": "bo-code", "spellcheck": "false"} if member.code else {"rows": 6}
        )
        if not member.code:
            shared["help_text"] = _MARKDOWN
        return forms.CharField(widget=forms.Textarea(look), strip=False, **shared)
    return forms.CharField(**shared)


def shown(name: str, block: Block) -> Any:
    """What stands in that field."""
    given = block.get(name) if name in ("if", "tone") else value(block, name)
    if name == "links":
        return "\n".join(f"{link['label']} | {link['href']}" for link in block["links"])
    return "\n".join(given) if name == "items" and isinstance(given, list) else given


def read(member: Field, given: Any) -> Any:
    """The member as the block keeps it; None for what is left out."""
    if isinstance(member, Some):
        lines = [line.strip() for line in str(given).splitlines() if line.strip()]
        if member.each:
            return lines
        cut = [line.partition("|") for line in lines]
        return [{"label": label.strip(), "href": href.strip()} for label, _, href in cut]
    if isinstance(member, Condition):
        return given.strip() or None
    return None if given in (None, "") and not member.required and not member.default else given
