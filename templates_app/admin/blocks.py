"""The block list on a template's page: one route, each change a POST that carries the revision."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.pages import Request
from emailseq.lib.errors import AppError, Invalid
from templates_app import services
from templates_app.admin import images
from templates_app.admin.block_forms import ICONS, KIND_NAMES, BlockForm, form_of, summary
from templates_app.admin.brand import LAYOUT_NAMES
from templates_app.admin.images import PictureForm
from templates_app.blocks import Block, Document, editing
from templates_app.blocks.kinds import LAYOUTS
from templates_app.models import Image, SavedBlock, Template
from templates_app.services.content import document_of

WIDTH, MOST_NARROW = 544, 16  # of a picture, with paper on both sides of it
_LAYOUT_NAMES = {"": _("As the brand"), **LAYOUT_NAMES}


class SettingsForm(VerbForm):
    """What is about the whole message."""

    name = forms.CharField(max_length=100)
    subject = forms.CharField(max_length=500)
    preheader = forms.CharField(
        max_length=300,
        required=False,
        label=_("Preheader"),
        help_text=_("Inboxes show it behind the subject."),
    )
    layout = forms.ChoiceField(
        choices=[(each, _LAYOUT_NAMES[each]) for each in ("", *LAYOUTS)], required=False
    )

    def values_of(self, target: Any) -> dict[str, Any]:
        document = target.document
        return {
            "name": target.name,
            "subject": target.subject,
            "preheader": document.get("preheader", ""),
            "layout": document.get("theme", {}).get("layout", ""),
        }

    def changes(self, document: Document) -> dict[str, Any]:
        """What it comes to, as `save_draft` takes it."""
        given = self.cleaned_data
        theme = {key: each for key, each in document.get("theme", {}).items() if key != "layout"}
        if given["layout"]:
            theme["layout"] = given["layout"]
        changed = {**document, "preheader": given["preheader"], "theme": theme}
        return {"name": given["name"], "subject": given["subject"], "document": changed}


def answer(request: Request, template: Template) -> HttpResponse:
    """Do what was posted, if anything was, and show the list, or only what a saved form changes."""
    posted = request.POST
    if request.method != "POST":
        return _list(request, template, selected=request.GET.get("block", ""))
    selected = posted.get("block", "")
    try:
        if posted.get("do") == "save":
            return _save(request, template)
        if posted.get("do") == "upload":
            return _upload(request, template, selected)
        selected = _change(request, template)
    except LookupError:
        return _list(request, template, error=gettext("That block is not there any more."))
    except AppError as error:
        template.refresh_from_db()
        return _list(request, template, selected=selected, error=error.detail)
    return _list(request, template, selected=selected)


def context(
    request: Request,
    template: Template,
    *,
    selected: str = "",
    error: str = "",
    picture: PictureForm | None = None,
) -> dict[str, Any]:
    """What the list shows."""
    block = editing.find(document_of(template), selected) or {}
    return {
        "template": template,
        "rows": _rows(request, document_of(template)["blocks"], selected, place=""),
        "adders": _adders(""),
        "settings": SettingsForm(request=request, target=template),
        "error": error,
        "offered": images.offered(request) if block.get("kind") == "image" else (),
        "picture": picture or PictureForm(request=request, target=None),
    }


def _list(request: Request, template: Template, **shown: Any) -> HttpResponse:
    return render(request, "templates_app/blocks.html", context(request, template, **shown))


def _change(request: Request, template: Template) -> str:
    """Add, move, copy or remove a block; returns which one is then open. Raises LookupError."""
    document, block, do = (
        document_of(template),
        request.POST.get("block", ""),
        request.POST.get("do"),
    )
    if do == "add":
        kind, place = request.POST.get("kind", ""), request.POST.get("place", "")
        document, block = editing.add(document, kind, place=place, **_told(request, kind))
    elif do in ("up", "down"):
        document = editing.move(document, block, by=-1 if do == "up" else 1)
    elif do == "duplicate":
        document, block = editing.duplicate(document, block)
    elif do == "remove":
        document, block = editing.remove(document, block), ""
    elif do == "choose":
        chosen = images.chosen(request, request.POST.get("image", ""))
        document = editing.rewrite(document, block, _shows(chosen))
    else:
        raise LookupError(do)
    services.save_draft(
        template, document=document, by=request.actor, expected_revision=_revision(request)
    )
    return block


def _upload(request: Request, template: Template, block: str) -> HttpResponse:
    """Keep a picture, and show it in the block; what is wrong with it is told beside."""
    form = PictureForm(request.POST, request=request, target=None)
    try:
        if form.is_valid():
            document = editing.rewrite(document_of(template), block, _shows(form.keep()))
            revision = _revision(request)
            services.save_draft(
                template, document=document, by=request.actor, expected_revision=revision
            )
            form = PictureForm(request=request, target=None)
    except AppError as error:
        template.refresh_from_db()
        form.refuse(error)
    return _list(request, template, selected=block, picture=form)


def _shows(image: Image) -> dict[str, Any]:
    """The members of a block that shows an image, no larger than it is; words of its own stay."""
    words = {"alt": image.alt} if image.alt else {}
    return {"src": image.url, "width": max(MOST_NARROW, min(WIDTH, image.width)), **words}


def _told(request: Request, kind: str) -> dict[str, Any]:
    """What a new block must say, if only the workspace knows that."""
    if kind != "saved":
        return {}
    saved = SavedBlock.objects.of(request.workspace).order_by("name").first()
    if saved is None:
        raise AppError(gettext("There is no saved block yet: keep one first."))
    return {"block": saved.slug}


def _save(request: Request, template: Template) -> HttpResponse:
    """Keep what stands in the form of a block, or of the message; what is wrong is told beside."""
    block = editing.find(document_of(template), request.POST.get("block", ""))
    form = _form(request, template, block)
    try:
        changes = _changes(form, document_of(template)) if form.is_valid() else {}
        if any(getattr(template, name) != value for name, value in changes.items()):
            services.save_draft(
                template, **changes, by=request.actor, expected_revision=_revision(request)
            )
    except Invalid as error:
        form.refuse(_at_fields(error, template, block))
    except AppError as error:
        form.refuse(error)
    shown: dict[str, Any] = {"template": template, "form": form, "block": block}
    shown["saved"] = form.is_valid()
    if block:
        shown["summary"] = summary(editing.find(document_of(template), block["id"]) or block)
    return render(request, "templates_app/saved.html", shown)


def _changes(form: SettingsForm | BlockForm, document: Document) -> dict[str, Any]:
    if isinstance(form, BlockForm):
        return {"document": editing.rewrite(document, form.block["id"], form.members())}
    return form.changes(document)


def _form(request: Request, template: Template, block: Block | None) -> SettingsForm | BlockForm:
    if block is None:
        return SettingsForm(request.POST, request=request, target=template)
    is_small = any(
        block in column
        for each in document_of(template)["blocks"]
        for column in each.get("columns", ())
    )
    return form_of(block, is_small=is_small)(request.POST, request=request, target=template)


def _at_fields(error: Invalid, template: Template, block: Block | None) -> AppError:
    """The faults with the names of the form's fields for pointers."""
    template.refresh_from_db()
    detail = " ".join(dict.fromkeys(each.detail for each in error.errors))
    return AppError(detail) if block else error


def _revision(request: Request) -> int | None:
    given = request.POST.get("revision", "")
    return int(given) if given.isdecimal() else None


def _rows(
    request: Request, blocks: list[Block], selected: str, *, place: str
) -> list[dict[str, Any]]:
    return [_row(request, block, selected, place=place) for block in blocks]


def _row(request: Request, block: Block, selected: str, *, place: str) -> dict[str, Any]:
    form = form_of(block, is_small="." in place) if block["id"] == selected else None
    places = [
        (gettext("Column %d") % (number + 1), column, f"{block['id']}.{number}")
        for number, column in enumerate(block.get("columns", ()))
    ]
    if block["kind"] == "repeat":
        places = [(gettext("Each time"), block["blocks"], block["id"])]
    return {
        "block": block,
        "name": KIND_NAMES[block["kind"]],
        "icon": ICONS[block["kind"]],
        "summary": summary(block),
        "form": form(request=request, target=None) if form else None,
        "places": [
            {
                "name": name,
                "rows": _rows(request, inside, selected, place=each),
                "adders": _adders(each),
                "place": each,
            }
            for name, inside, each in places
        ],
    }


def _adders(place: str) -> list[tuple[str, Any, str]]:
    return [(kind, KIND_NAMES[kind], ICONS[kind]) for kind in editing.kinds_in(place)]
