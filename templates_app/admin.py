from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.urls import URLPattern, path
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from delivery import letters
from emailseq.backoffice.columns import BADGES, column
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin, verb
from emailseq.backoffice.pages import Request, allows, render_frame
from subscribers.models import Subscriber
from templates_app import rendering, services
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.models import Template, TemplateVersion
from templates_app.rendering import Preview, RenderError

SAMPLE = {
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "time_zone": "Europe/London",
}
_CODE = {"rows": 22, "class": "bo-code", "spellcheck": "false"}


class NewTemplateForm(NamedForm):
    subject = forms.CharField(max_length=500)


class EditorForm(VerbForm):
    name = forms.CharField(max_length=100)
    subject = forms.CharField(
        max_length=500,
        help_text=gettext_lazy("Merge fields work everywhere: {{ subscriber.first_name }}"),
    )
    html = forms.CharField(required=False, label="HTML", strip=False, widget=forms.Textarea(_CODE))
    text = forms.CharField(
        required=False,
        label=gettext_lazy("Plain text"),
        strip=False,
        widget=forms.Textarea({**_CODE, "rows": 6}),
        help_text=gettext_lazy("Made from the HTML when it is empty."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)


class PublishForm(VerbForm):
    def sentence(self) -> str:
        return _("Messages queued from now on get this content; those on their way keep theirs.")


@admin.register(Template)
class TemplateAdmin(WorkspaceAdmin):
    resource = "templates"
    hint = gettext_lazy("What messages say. Sequences and campaigns send the published version.")
    list_display = (
        "name",
        "subject",
        column(
            gettext_lazy("Published"),
            lambda row: ("live", f"v{row.number}") if row.number else ("draft", _("Draft")),
            label=BADGES,
        ),
        "updated_at",
    )
    search_fields = ("name__istartswith",)
    change_form_template = "templates_app/page.html"
    actions_list = ("create",)
    actions_detail = ("publish", "archive", "save")

    def get_urls(self) -> list[URLPattern]:
        preview = self.admin_site.admin_view(self.preview)
        route = "<int:object_id>/preview/"
        return [path(route, preview, name="templates_app_template_preview"), *super().get_urls()]

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).defer("html", "text")

    def read_beside(self, rows: list[Any]) -> None:
        published = {row.published_version_id for row in rows}
        versions = TemplateVersion.objects.filter(pk__in=published)
        numbers = dict(versions.values_list("id", "number"))
        for row in rows:
            row.number = numbers.get(row.published_version_id)

    def page_context(self, request: Request, target: Template) -> dict[str, Any]:
        may_write = allows(request, "templates:write") and target.archived_at is None
        return {
            "template": target,
            "form": EditorForm(request=request, target=target) if may_write else None,
            "version": target.published_version,
            "preview": _preview(target, request.workspace),
        }

    def preview(self, request: Request, object_id: int) -> HttpResponse:
        """The draft as a sample person would get it, for a sandboxed frame."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = _preview(self.get_object(request, str(object_id)), request.workspace)
        return render_frame(shown.html or f"<pre>{escape(shown.text)}</pre>")

    def offers(self, verb: str, target: Template) -> bool:
        return target.archived_at is None

    @verb(
        gettext_lazy("New template"),
        right="templates:write",
        icon="add",
        form=NewTemplateForm,
        primary=True,
        submit=gettext_lazy("Create"),
    )
    def create(self, request: Request, form: VerbForm, target: None) -> HttpResponse:
        made = services.create_template(request.workspace, by=request.actor, **form.cleaned_data)
        return self.done(request, _("“%s” is a draft: write it.") % made, at=made)

    @verb(
        gettext_lazy("Save"),
        right="templates:write",
        icon="save",
        form=EditorForm,
        in_header=False,
        template="templates_app/editor.html",
    )
    def save(self, request: Request, form: VerbForm, target: Template) -> HttpResponse:
        changes = dict(form.cleaned_data)
        revision = changes.pop("revision")
        services.save_draft(target, by=request.actor, expected_revision=revision, **changes)
        return self.done(request, _("Saved."), at=target)

    @verb(
        gettext_lazy("Publish"),
        right="templates:write",
        icon="rocket_launch",
        form=PublishForm,
        primary=True,
    )
    def publish(self, request: Request, form: VerbForm, target: Template) -> HttpResponse:
        version = services.publish(target, by=request.actor)
        return self.done(request, _("%s is published.") % version, at=target)

    @verb(
        gettext_lazy("Archive"),
        right="templates:write",
        icon="archive",
        title=gettext_lazy("Put this template away?"),
    )
    def archive(self, request: Request, form: VerbForm, target: Template) -> HttpResponse:
        services.archive(target, by=request.actor)
        return self.done(request, _("“%s” is archived.") % target)


def _preview(template: Template, workspace: Workspace) -> Preview:
    """The draft for the sample person; what is wrong with it in place of its text."""
    context = letters.context_of(Subscriber(workspace=workspace, **SAMPLE))
    try:
        compiled = compile_template(
            subject=template.subject, html=template.html, text=template.text
        )
        return rendering.preview(compiled, context)
    except (TemplateError, RenderError) as error:
        return Preview(template.subject, "", str(error))
