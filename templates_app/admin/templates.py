from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpResponse
from django.urls import URLPattern, path
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from delivery import letters
from emailseq.backoffice.columns import BADGES, column
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, render_frame, require
from emailseq.backoffice.verbs import archive, create, edit, publish
from subscribers.models import Subscriber
from templates_app import rendering, services
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.models import Template
from templates_app.rendering import Preview, RenderError
from templates_app.states import MessageClass

SAMPLE = {
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "time_zone": "Europe/London",
}
_CODE = {"rows": 22, "class": "bo-code", "spellcheck": "false"}


class NewTemplateForm(NamedForm):
    subject = forms.CharField(max_length=500)
    message_class = forms.TypedChoiceField(
        choices=MessageClass.choices,
        required=False,
        initial=MessageClass.MARKETING,
        empty_value=MessageClass.MARKETING,
        label=_("For"),
        help_text=_("For good: transactional ones are sent by programs, to one person at a time."),
    )


class EditorForm(VerbForm):
    guarded = True
    name = forms.CharField(max_length=100)
    subject = forms.CharField(
        max_length=500, help_text=_("Merge fields work everywhere: {{ subscriber.first_name }}")
    )
    html = forms.CharField(required=False, label="HTML", strip=False, widget=forms.Textarea(_CODE))
    text = forms.CharField(
        required=False,
        label=_("Plain text"),
        strip=False,
        widget=forms.Textarea({**_CODE, "rows": 6}),
        help_text=_("Made from the HTML when it is empty."),
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
    list_verbs = (create(services.create_template, label=_("New template"), form=NewTemplateForm),)
    page_verbs = (
        publish(
            services.publish,
            sentence=_("Messages queued from now on get it; those on their way keep theirs."),
        ),
        archive(services.archive, title=_("Put this template away?")),
    )
    inner_verbs = (
        edit(
            services.save_draft, name="save", form=EditorForm, template="templates_app/editor.html"
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        preview = self.admin_site.admin_view(self.preview)
        route = "<int:object_id>/preview/"
        return [path(route, preview, name="templates_app_template_preview"), *super().get_urls()]

    def get_queryset(self, request: Request) -> Any:
        own = super().get_queryset(request).defer("html", "text")
        return own.annotate(number=F("published_version__number"))

    def is_open(self, target: Template) -> bool:
        return target.archived_at is None

    def page_context(self, request: Request, target: Template) -> dict[str, Any]:
        form = EditorForm(request=request, target=target)
        return {
            "template": target,
            "form": form if self.may_write(request, target) else None,
            "version": target.published_version,
            "preview": _preview(target, request.workspace),
        }

    def preview(self, request: Request, object_id: int) -> HttpResponse:
        """The draft as a sample person would get it, for a sandboxed frame."""
        require(request, "templates:read")
        shown = _preview(self.get_object(request, str(object_id)), request.workspace)
        return render_frame(shown.html or f"<pre>{escape(shown.text)}</pre>")


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
