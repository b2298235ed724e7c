"""Saved blocks: the list, and the page of one with its words, its looks and who shows it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, render_frame, require
from emailseq.backoffice.verbs import Verb, edit
from templates_app import blocks, mjml, rendering, samples
from templates_app.admin.members import key_at, members, rewritten
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.models import SavedBlock
from templates_app.rendering import RenderError
from templates_app.services.brand import delete_block, update_block
from templates_app.services.content import look_of


class SavedBlockForm(VerbForm):
    """Its name, and every member of its blocks."""

    guarded = True
    name = forms.CharField(max_length=100)

    @property
    def document(self) -> blocks.Document:
        target: Any = self.target
        return {**blocks.empty(), "blocks": target.blocks}

    def extra_fields(self) -> dict[str, forms.Field]:
        return {each.key: each.field() for each in members(self.document["blocks"])}

    def values_of(self, target: Any) -> dict[str, Any]:
        said = {each.key: each.shown for each in members(target.blocks)}
        return {"name": target.name, "revision": target.revision, **said}

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        return {
            "name": given["name"],
            "blocks": rewritten(self.document, given)["blocks"],
            "expected_revision": given["expected_revision"],
        }

    def field_at(self, pointer: str) -> str | None:
        return key_at(self.document["blocks"], pointer) or super().field_at(pointer)


@admin.register(SavedBlock)
class SavedBlockAdmin(WorkspaceAdmin):
    resource = "templates"
    hint = _(
        "Blocks that templates share. Keep one in the editor of a template; other templates hold "
        "it as a saved block, and show what it says here at their next publishing."
    )
    list_display = (
        "name",
        "slug",
        column(_("Used by"), lambda row: row.uses),
        "updated_at",
    )
    search_fields = ("name__istartswith",)
    change_form_template = "templates_app/saved_block.html"
    page_verbs = (
        Verb(
            delete_block,
            name="remove",
            label=_("Delete"),
            icon="delete",
            sentence=_("“{}” is gone for good; nothing that was published changes."),
            done=_("It is deleted."),
        ),
    )
    inner_verbs = (
        edit(
            update_block,
            name="save",
            form=SavedBlockForm,
            template="templates_app/saved_block_form.html",
            done=_("Saved. Templates show it once they are published again."),
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview)
        name = "templates_app_savedblock_preview"
        return [path("<int:object_id>/preview/", view, name=name), *super().get_urls()]

    def get_queryset(self, request: Request) -> Any:
        uses = Count("templates", filter=Q(templates__archived_at=None))
        return super().get_queryset(request).annotate(uses=uses)

    def url_of(self, target: SavedBlock) -> str:
        """What is deleted has no page any more."""
        if not SavedBlock.objects.filter(pk=target.pk).exists():
            return reverse("admin:templates_app_savedblock_changelist")
        return super().url_of(target)

    def page_context(self, request: Request, target: SavedBlock) -> dict[str, Any]:
        may_write = self.may_write(request, target)
        return {
            "saved": target,
            "form": SavedBlockForm(request=request, target=target) if may_write else None,
            "users": target.templates.filter(archived_at=None).order_by("name"),
        }

    def preview(self, request: Request, object_id: int) -> HttpResponse:
        """What it looks like with the brand, for a sandboxed frame."""
        require(request, "templates:read")
        saved = self.get_object(request, str(object_id))
        try:
            return render_frame(_shown(saved))
        except (TemplateError, RenderError) as error:
            return render_frame("", text=str(error))


def _shown(saved: SavedBlock) -> str:
    """Raises TemplateError and RenderError."""
    document = {**blocks.empty(), "blocks": saved.blocks}
    source = blocks.to_mjml(document, look=look_of(saved.workspace), saved={})
    compiled = compile_template(subject="", html=mjml.to_html(source), text="")
    return rendering.preview(compiled, samples.full(saved.workspace)).html
