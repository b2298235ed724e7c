from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import Http404, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from delivery.admin.specimens import sends_test
from delivery.services.specimens import try_template
from emailseq.backoffice.columns import BADGES, column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, render_frame, require
from emailseq.backoffice.verbs import archive, edit, publish
from emailseq.lib.errors import Invalid
from templates_app import rendering, samples, services
from templates_app.admin import blocks, brand, history, languages, looking, starting
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.models import Template
from templates_app.rendering import Preview, RenderError
from templates_app.services import content
from templates_app.services.content import CODE
from templates_app.states import ContentMode


class EditorForm(VerbForm):
    """The code of a template; what it is of depends on its mode."""

    guarded = True
    name = forms.CharField(max_length=100)
    subject = forms.CharField(
        max_length=500, help_text=_("Merge fields work everywhere: {{ subscriber.first_name }}")
    )

    def extra_fields(self) -> dict[str, forms.Field]:
        template: Any = self.target
        mode, fields = template.mode, {}
        if mode == ContentMode.HTML:
            fields["html"] = _code("HTML")
        elif mode in CODE:
            fields["source"] = _code(template.get_mode_display())
        is_text = mode == ContentMode.TEXT
        help_text = "" if is_text else _("Made from the HTML when it is empty.")
        return {**fields, "text": _code(_("Plain text"), 22 if is_text else 6, help_text)}


def _code(label: Any, rows: int = 22, help_text: Any = "") -> forms.CharField:
    look = {"rows": rows, "class": "bo-code", "spellcheck": "false"}
    widget = forms.Textarea(look)
    return forms.CharField(
        required=False, label=label, strip=False, widget=widget, help_text=help_text
    )


@admin.register(Template)
class TemplateAdmin(WorkspaceAdmin):
    resource = "templates"
    hint = _("What messages say. Sequences and campaigns send the published version.")
    list_display = (
        "name",
        "subject",
        column(
            _("Published"),
            lambda row: ("live", f"v{row.number}") if row.number else ("draft", _("Draft")),
            label=BADGES,
        ),
        "updated_at",
    )
    search_fields = ("name__istartswith",)
    change_form_template = "templates_app/page.html"
    list_verbs = (starting.CREATE, starting.START, brand.BRAND)
    page_verbs = (
        starting.CHANGE_MODE,
        sends_test(try_template),
        publish(
            services.publish,
            sentence=_("Messages queued from now on get it; those on their way keep theirs."),
        ),
        archive(services.archive, title=_("Put this template away?")),
    )
    inner_verbs = (
        brand.KEEP,
        edit(
            services.save_draft, name="save", form=EditorForm, template="templates_app/editor.html"
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        views: dict[str, tuple[str, Any]] = {
            "preview": ("<int:object_id>/preview/", self.preview),
            "blocks": ("<int:object_id>/blocks/", self.blocks),
            "look": ("<int:object_id>/look/", self.of(looking.page)),
            "look_frame": ("<int:object_id>/look/frame/", self.of(looking.frame)),
            "languages": ("<int:object_id>/languages/", self.of(languages.page)),
            "language": (
                "<int:object_id>/languages/<str:language>/",
                self.of(languages.language_page),
            ),
            "versions": ("<int:object_id>/versions/", self.of(history.page)),
            "version": ("<int:object_id>/versions/<int:number>/", self.of(history.version_page)),
            "version_frame": (
                "<int:object_id>/versions/<int:number>/frame/",
                self.of(history.frame),
            ),
            "used": ("<int:object_id>/used/", self.of(history.used_page)),
            "gallery": ("starters/", starting.gallery),
            "starter": ("starters/<slug:starter>/", starting.preview),
        }
        own = [
            path(route, self.admin_site.admin_view(view), name=f"templates_app_template_{name}")
            for name, (route, view) in views.items()
        ]
        return [*own, *super().get_urls()]

    def of(self, page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """A page of one template as a view; Http404 for somebody else's."""

        def view(request: Request, object_id: int, **rest: Any) -> HttpResponse:
            require(request, "templates:read")
            return page(request, self.get_object(request, str(object_id)), **rest)

        return view

    def get_queryset(self, request: Request) -> Any:
        own = super().get_queryset(request).defer("html", "text")
        return own.annotate(number=F("published_version__number"))

    def url_of(self, target: Template | None) -> str:
        """The brand, which is set from the list, leads back there."""
        if target is None:
            return reverse("admin:templates_app_template_changelist")
        return super().url_of(target)

    def is_open(self, target: Template) -> bool:
        return target.archived_at is None

    def page_context(self, request: Request, target: Template) -> dict[str, Any]:
        editor: dict[str, Any] = {}
        if self.may_write(request, target) and target.mode == ContentMode.BLOCKS:
            editor = blocks.context(request, target)
        elif self.may_write(request, target):
            editor = {"form": EditorForm(request=request, target=target)}
        return {
            **editor,
            "template": target,
            "version": target.published_version,
            "preview": _preview(target, request.workspace),
        }

    def blocks(self, request: Request, object_id: int) -> HttpResponse:
        """The list of its blocks; each change of them is a POST."""
        template = self.get_object(request, str(object_id))
        require(request, "templates:write")
        if not (self.is_open(template) and template.mode == ContentMode.BLOCKS):
            raise Http404
        return blocks.answer(request, template)

    def preview(self, request: Request, object_id: int) -> HttpResponse:
        """The draft as a sample person would get it, for a sandboxed frame."""
        require(request, "templates:read")
        shown = _preview(self.get_object(request, str(object_id)), request.workspace)
        return render_frame(shown.html, text=shown.text)


def _preview(template: Template, workspace: Workspace) -> Preview:
    """The draft for the sample person; what is wrong with it in place of its text."""
    try:
        content.make(template)
        compiled = compile_template(
            subject=template.subject, html=template.html, text=template.text
        )
        return rendering.preview(compiled, samples.full(workspace))
    except (Invalid, TemplateError, RenderError) as error:
        return Preview(template.subject, "", str(error))
