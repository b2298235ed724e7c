"""Beginning: with a starter, or with nothing but a way to write; and changing that way later."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.pages import Request, render_frame, render_page, require
from emailseq.backoffice.verbs import Verb, create
from templates_app import blocks, mjml, rendering, samples, services
from templates_app.compiler import compile_template
from templates_app.models import Template
from templates_app.services.content import look_of
from templates_app.services.starting import start_template
from templates_app.starters import Starter, starters
from templates_app.states import ContentMode, MessageClass


class NewTemplateForm(NamedForm):
    subject = forms.CharField(max_length=500)
    mode = forms.TypedChoiceField(
        choices=ContentMode.choices,
        required=False,
        initial=ContentMode.BLOCKS,
        empty_value=ContentMode.HTML,
        label=_("Made of"),
        help_text=_("Blocks need no code. They can become MJML later, and MJML can become HTML."),
    )
    message_class = forms.TypedChoiceField(
        choices=MessageClass.choices,
        required=False,
        initial=MessageClass.MARKETING,
        empty_value=MessageClass.MARKETING,
        label=_("For"),
        help_text=_("For good: transactional ones are sent by programs, to one person at a time."),
    )


class StarterForm(NamedForm):
    starter = forms.ChoiceField(label=_("Starter"))
    field_order = ("starter", "name", "slug")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.initial["starter"] = self.request.GET.get("starter", "")

    def extra_fields(self) -> dict[str, forms.Field]:
        own: Any = self.fields["starter"]
        own.choices = [(each.slug, each.name) for each in starters().values()]
        return {}

    def starters(self) -> list[Starter]:
        return list(starters().values())


class ModeForm(VerbForm):
    guarded = True
    mode = forms.ChoiceField(choices=ContentMode.choices, label=_("Made of"))


def _change_mode(template: Template, *, mode: str, by: Actor, expected_revision: int) -> Template:
    return services.save_draft(template, mode=mode, by=by, expected_revision=expected_revision)


CREATE = create(services.create_template, label=_("New template"), form=NewTemplateForm)
START = Verb(
    start_template,
    name="start",
    label=_("Begin with a starter"),
    icon="auto_awesome_mosaic",
    form=StarterForm,
    template="templates_app/start.html",
    submit=_("Begin"),
    done=_("“{}” is there, as a draft: put your own words into it."),
)
CHANGE_MODE = Verb(
    _change_mode,
    name="mode",
    label=_("Work in another way"),
    icon="swap_horiz",
    form=ModeForm,
    sentence=_(
        "Blocks become MJML, and both become HTML. The way back leads to what the blocks were "
        "before: what you change in code does not come along."
    ),
    done=_("Done. Look at it before you go on."),
)


def gallery(request: Request) -> HttpResponse:
    """All starters, as they look with the brand of the workspace."""
    require(request, "templates:read")
    shown = list(starters().values())
    return render_page(
        request, "templates_app/gallery.html", title=gettext("Starters"), starters=shown
    )


def preview(request: Request, starter: str) -> HttpResponse:
    """One of them, for a sandboxed frame."""
    require(request, "templates:read")
    if starter not in starters():
        raise Http404
    return render_frame(shown(starters()[starter], request.workspace))


def shown(starter: Starter, workspace: Workspace) -> str:
    """The HTML of a starter, as somebody would get it."""
    source = blocks.to_mjml(starter.document, look=look_of(workspace), saved={})
    compiled = compile_template(subject=starter.subject, html=mjml.to_html(source), text="")
    context = {**samples.full(workspace), "data": starter.sample}
    return rendering.preview(compiled, context).html
