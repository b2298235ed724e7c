"""Images: the list, the page of one, and how they are uploaded and chosen for a block."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, archive, edit
from emailseq.lib.errors import Invalid, Problem
from templates_app.models import Image
from templates_app.services import images

MOST_AT_ONCE = 20
OFFERED = 24  # in a block, the newest first
_ACCEPTED = "image/jpeg,image/png,image/gif,image/webp"
_WHICH = _("JPEG, PNG, GIF or WebP, 10 MB at most. Choose them, or drop them here.")


class Several(forms.FileInput):
    allow_multiple_selected = True


class Files(forms.FileField):
    """One or more files."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        given = data if isinstance(data, list) else [data]
        if len(given) > MOST_AT_ONCE:
            raise forms.ValidationError(_("At most 20 at once."))
        return [super(Files, self).clean(each, initial) for each in given]


class UploadForm(VerbForm):
    pictures = Files(
        label=_("Pictures"),
        widget=Several({"accept": _ACCEPTED}),
        max_length=254,
        help_text=_WHICH,
    )


class PictureForm(VerbForm):
    """A new picture for a block, and what it shows."""

    file = forms.FileField(
        label=_("Another picture"),
        widget=forms.FileInput({"accept": _ACCEPTED}),
        max_length=254,
        help_text=_("JPEG, PNG, GIF or WebP, 10 MB at most."),
    )
    alt = forms.CharField(
        max_length=300,
        label=_("What it shows"),
        help_text=_("For those who cannot see it, or have pictures switched off."),
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.auto_id = "picture_%s"  # it stands beside the form of the block

    def keep(self) -> Image:
        """Raises Invalid."""
        given = self.cleaned_data
        return _keep(self.request.workspace, given["file"], self.request.actor, alt=given["alt"])


class DetailsForm(VerbForm):
    name = forms.CharField(max_length=100)
    alt = forms.CharField(required=False, max_length=300, label=_("What it shows"))


def offered(request: Request) -> list[Image]:
    """What a block may show."""
    return list(
        Image.objects.of(request.workspace).filter(archived_at=None).order_by("-id")[:OFFERED]
    )


def chosen(request: Request, pk: str) -> Image:
    """Raises LookupError."""
    found = Image.objects.of(request.workspace).filter(pk=pk if pk.isdecimal() else 0).first()
    if found is None:
        raise LookupError(pk)
    return found


def _upload(workspace: Workspace, *, pictures: list[Any], by: Actor) -> str:
    """Keep those that can be; what is wrong with the others is told."""
    faults = []
    for file in pictures:
        try:
            _keep(workspace, file, by)
        except Invalid as error:
            faults.append(Problem("/pictures", "invalid_image", f"{file.name}: {error.detail}"))
    if faults:
        raise Invalid(faults)
    said = ngettext("%d image is there.", "%d images are there.", len(pictures))
    return said % len(pictures)


def _keep(workspace: Workspace, file: Any, by: Actor, *, alt: str = "") -> Image:
    content = file.read(images.MOST_READ)
    return images.keep_image(workspace, content=content, name=file.name, alt=alt, by=by)


def _thumbnail(image: Image) -> str:
    return format_html(
        '<img class="bo-picture" src="/i/{}" alt="" loading="lazy">', image.file_name
    )


@admin.register(Image)
class ImageAdmin(WorkspaceAdmin):
    resource = "templates"
    hint = _("Pictures for messages. They are made smaller, and lose what the camera noted.")
    list_display = (
        "name",
        column(_("Picture"), _thumbnail),
        column(_("What it shows"), lambda row: row.alt or gettext("not said yet")),
        column(_("Size"), lambda row: f"{row.width} × {row.height}"),
        column(_("Weight"), lambda row: filesizeformat(row.byte_count)),
        "created_at",
    )
    search_fields = ("name__istartswith",)
    change_form_template = "templates_app/image.html"
    list_verbs = (
        Verb(
            _upload,
            name="upload",
            label=_("Upload images"),
            icon="upload",
            form=UploadForm,
            submit=_("Upload"),
            primary=True,
        ),
    )
    page_verbs = (
        edit(images.change_image, form=DetailsForm),
        archive(
            images.archive_image,
            sentence=_("It is offered no more. Messages that show it go on showing it."),
        ),
    )

    def page_context(self, request: Request, target: Image) -> dict[str, Any]:
        return {"image": target, "used_by": target.used_by()}
