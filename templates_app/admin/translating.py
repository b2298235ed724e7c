"""One language of a template as a form: what it says, text by text, beside what the draft says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django import forms
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.forms import VerbForm
from emailseq.lib.errors import AppError, Invalid
from templates_app.admin.block_forms import KIND_NAMES, field_of, read, shown
from templates_app.blocks import Block, Document, editing
from templates_app.blocks.document import walk
from templates_app.blocks.fields import Address, Field, Some, Words
from templates_app.blocks.kinds import members_of, value
from templates_app.models import Template, Translation
from templates_app.services.content import CODE, document_of
from templates_app.states import ContentMode

_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class Text(NamedTuple):
    """A member of a block that says something, or leads somewhere."""

    block: Block
    pointer: str
    member: str
    field: Field

    @property
    def name(self) -> str:
        """The same in documents that were copied from each other."""
        return f"{self.block['id']}.{self.member}"

    @property
    def shown(self) -> str:
        return str(shown(self.member, self.block))


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
        return target

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
            parts["document"] = self._rewritten(given)
            parts["text"] = self.row.text if self.row else ""
        else:
            parts |= {name: given[name] for name in ("html", "source", "text") if name in given}
        return {
            **parts,
            "language": self.language,
            "expected_revision": given["expected_revision"],
        }

    def refuse(self, error: AppError) -> None:
        """What is wrong with a text is told beside it."""
        if not isinstance(error, Invalid):
            return super().refuse(error)
        for problem in error.errors:
            self.add_error(self._name_of(problem.pointer), problem.detail)
        return None

    def _rewritten(self, given: dict[str, Any]) -> Document:
        document = {**self.document, "preheader": given["preheader"]}
        for text in texts(self.document):
            said = {text.member: read(text.field, given[text.name])}
            document = editing.rewrite(document, text.block["id"], said)
        return document

    def _name_of(self, pointer: str) -> str | None:
        at = pointer.removeprefix("/document")
        for text in texts(self.document) if self.said.mode == ContentMode.BLOCKS else ():
            if f"{at}/".startswith(f"{text.pointer}/{text.member}/"):
                return text.name
        name = at.strip("/").partition("/")[0]
        return name if name in self.fields else None


def form_of(language: str) -> type[TranslationForm]:
    """The form of a language."""
    return type("Form", (TranslationForm,), {"language": language})


def texts(document: Document) -> Iterator[Text]:
    """What a document says, in the order of reading."""
    for block, pointer, _loops in walk(document["blocks"]):
        for member, field in members_of(block["kind"]).items():
            is_said = isinstance(field, Words | Address | Some) or member == "block"
            if is_said and value(block, member):
                yield Text(block, pointer, member, field)


def values(
    row: Template | Translation, mode: str, document: Document | None = None
) -> dict[str, Any]:
    """What a template or a translation says, by the names of the form's fields."""
    found: dict[str, Any] = {"subject": row.subject}
    if mode != ContentMode.BLOCKS:
        return {**found, "html": row.html, "source": row.source, "text": row.text}
    document = document or row.document or {"blocks": []}
    said = {text.name: text.shown for text in texts(document)}
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
        return row.document
    document = {**theirs, "preheader": row.document.get("preheader", "")}
    for text in texts(theirs):
        said = own.get(text.block["id"])
        if said and said["kind"] == text.block["kind"]:
            members = {text.member: said.get(text.member)}
            document = editing.rewrite(document, text.block["id"], members)
    return document


def _fields(mode: str, document: Document) -> dict[str, forms.Field]:
    if mode == ContentMode.BLOCKS:
        preheader = forms.CharField(max_length=300, required=False, label=_("Preheader"))
        return {"preheader": preheader, **{text.name: _field(text) for text in texts(document)}}
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


def _field(text: Text) -> forms.Field:
    made = field_of(text.member, text.field)
    made.label = f"{KIND_NAMES[text.block['kind']]}: {made.label}"
    made.help_text = ""
    return made


def _has_words(text: str) -> bool:
    """Whether there is anything to translate in it: not in an address, or in a merge field."""
    bare = _LIQUID.sub("", text).strip()
    return any(map(str.isalpha, bare)) and not bare.lower().startswith(("http:", "https:"))
