"""One language of a template as a form: what it says, text by text, beside what the draft says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django import forms
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.forms import VerbForm
from templates_app.admin.members import Member, key_at, members, rewritten
from templates_app.blocks import Document, editing, walk
from templates_app.blocks.fields import Address, Some, Words
from templates_app.blocks.kinds import value
from templates_app.models import Template, Translation
from templates_app.services.content import CODE, document_of
from templates_app.states import ContentMode

_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class Progress(NamedTuple):
    """How many of the texts that have words say something else than the draft."""

    done: int
    of: int


class TranslationForm(VerbForm):
    """The texts of one language; the class that `form_of` makes says of which."""

    guarded = True
    language = ""
    subject = forms.CharField(max_length=500, label=_("Subject"))

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        originals = values(self.template, self.said.mode)
        self.rows = [(field, originals.get(field.name, "")) for field in self.visible_fields()]

    @property
    def template(self) -> Template:
        target: Any = self.target
        template: Template = target
        return template

    def extra_fields(self) -> dict[str, forms.Field]:
        self.row = self.template.translations.filter(language=self.language).first()
        self.said: Template | Translation = self.row or self.template
        self.document = _document(self.template, self.row)
        return _fields(self.said.mode, self.document)

    def values_of(self, target: Any) -> dict[str, Any]:
        own = values(self.said, self.said.mode, self.document)
        return {**own, "revision": target.revision}

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        parts = {"subject": given["subject"], "mode": self.said.mode}
        if self.said.mode == ContentMode.BLOCKS:
            parts["document"] = rewritten(self.document, given) | {"preheader": given["preheader"]}
            parts["text"] = self.row.text if self.row else ""
        else:
            parts |= {name: given[name] for name in ("html", "source", "text") if name in given}
        return {
            **parts,
            "language": self.language,
            "expected_revision": given["expected_revision"],
        }

    def field_at(self, pointer: str) -> str | None:
        at = pointer.removeprefix("/document")
        key = key_at(self.document["blocks"], at)
        return key if key in self.fields else super().field_at(at)


def form_of(language: str) -> type[TranslationForm]:
    """The form of a language."""
    return type("Form", (TranslationForm,), {"language": language})


def texts(document: Document) -> Iterator[Member]:
    """The members that say something, or lead somewhere, in the order of reading."""
    for each in members(document["blocks"]):
        is_said = isinstance(each.kind, Words | Address | Some) or each.name == "block"
        if is_said and value(each.block, each.name):
            yield each


def values(
    row: Template | Translation, mode: str, document: Document | None = None
) -> dict[str, Any]:
    """What a template or a translation says, by the names of the form's fields."""
    found: dict[str, Any] = {"subject": row.subject}
    if mode != ContentMode.BLOCKS:
        return {**found, "html": row.html, "source": row.source, "text": row.text}
    document = document or row.document or {"blocks": []}
    said = {text.key: str(text.shown) for text in texts(document)}
    return {**found, "preheader": document.get("preheader", ""), **said}


def progress(template: Template, row: Translation) -> Progress:
    """How far a translation has come."""
    if row.mode != template.mode:
        return Progress(1, 1)  # it goes its own way
    before = values(template, template.mode)
    after = values(row, row.mode, _document(template, row))
    if template.mode != ContentMode.HTML:
        before.pop("html", None)
    wanted = [name for name, text in before.items() if _has_words(text)]
    return Progress(sum(before[name] != after.get(name) for name in wanted), len(wanted))


def _document(template: Template, row: Translation | None) -> Document:
    """The draft's blocks with what the translation says; its own, if it has others."""
    theirs = document_of(template)
    if row is None or row.document is None:
        return theirs
    own = {block["id"]: block for block, _pointer, _loops in walk(row.document["blocks"])}
    here = {block["id"] for block, _pointer, _loops in walk(theirs["blocks"])}
    if template.mode != ContentMode.BLOCKS or not own.keys() <= here:
        its_own: Document = row.document
        return its_own
    document = {**theirs, "preheader": row.document.get("preheader", "")}
    for text in texts(theirs):
        said = own.get(text.block["id"])
        if said and said["kind"] == text.block["kind"]:
            words = {text.name: said.get(text.name)}
            document = editing.rewrite(document, text.block["id"], words)
    return document


def _fields(mode: str, document: Document) -> dict[str, forms.Field]:
    if mode == ContentMode.BLOCKS:
        preheader = forms.CharField(max_length=300, required=False, label=_("Preheader"))
        return {"preheader": preheader, **{text.key: _field(text) for text in texts(document)}}
    name = "html" if mode == ContentMode.HTML else "source" if mode in CODE else ""
    names = [*([name] if name else []), "text"]
    look = {"rows": 14, "class": "bo-code", "spellcheck": "false"}
    labels = {"html": "HTML", "source": ContentMode(mode).label, "text": _("Plain text")}
    return {
        each: forms.CharField(
            required=False, strip=False, label=labels[each], widget=forms.Textarea(look)
        )
        for each in names
    }


def _field(text: Member) -> forms.Field:
    made = text.field()
    made.help_text = ""
    return made


def _has_words(text: str) -> bool:
    """Whether there is anything to translate in it: not in an address, or in a merge field."""
    bare = _LIQUID.sub("", text).strip()
    return any(map(str.isalpha, bare)) and not bare.lower().startswith(("http:", "https:"))
