"""What every model admin inherits: one workspace, lists that scale, writes through verbs only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant

from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.pages import Request, allows
from emailseq.lib.errors import AppError
from emailseq.lib.state import Move

Method = Callable[..., HttpResponse]


class CappedPaginator(Paginator):
    """Counts no further than LIMIT: nobody pages there, and counting millions takes seconds."""

    LIMIT = 10_000
    template_name = "backoffice/pagination.html"

    @cached_property
    def count(self) -> int:
        found: Any = self.object_list
        return int(found.order_by().values("pk")[: self.LIMIT + 1].count())

    @property
    def more(self) -> bool:
        return self.count > self.LIMIT


class WorkspaceAdmin(ModelAdmin):
    """Shows the rows of one workspace. Nothing is written but by the actions made with `verb`.

    `resource` names the permissions, `hint` is the sentence above the list, `moves` says which
    verbs a state allows, and `change_form_template` is the page of one object, if it has one.
    """

    resource = ""
    hint: Any = ""
    moves: Mapping[str, Move] = {}

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    ordering = ("-id",)
    paginator = CappedPaginator
    list_before_template = "backoffice/hint.html"
    list_filter_sheet = False

    def get_queryset(self, request: Request) -> Any:
        return self.model._default_manager.of(request.workspace).order_by(*self.ordering)

    def get_object(self, request: Request, object_id: str, from_field: str | None = None) -> Any:
        """The object, read once per request. Http404 when this workspace has none of that id."""
        known = request.__dict__.setdefault("admin_objects", {})
        if (self.model, object_id) not in known:
            known[self.model, object_id] = super().get_object(request, object_id, from_field)
        if (found := known[self.model, object_id]) is None:
            raise Http404
        return found

    def get_changelist_instance(self, request: Request) -> Any:
        changelist = super().get_changelist_instance(request)
        self.read_beside(list(changelist.result_list))
        if not (changelist.query or changelist.has_active_filters):
            changelist.full_result_count = changelist.result_count  # nothing to say about the rest
        return changelist

    def read_beside(self, rows: list[Any]) -> None:
        """Read what the list shows beside its rows, for all of them at once, onto the rows."""

    def change_view(
        self,
        request: Request,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = self.page_context(request, self.get_object(request, object_id))
        page: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )
        return page

    def page_context(self, request: Request, target: Any) -> dict[str, Any]:
        """What the page of one object shows beside the object."""
        return {}

    def get_actions_list(self, request: Request) -> list[Any]:
        return [offer for offer in super().get_actions_list(request) if _may(request, offer)]

    def get_actions_row(self, request: Request) -> list[Any]:
        return [offer for offer in super().get_actions_row(request) if _may(request, offer)]

    def get_actions_detail(self, request: Request, object_id: str) -> list[Any]:
        target = self.get_object(request, object_id)
        offers = super().get_actions_detail(request, object_id)
        return [
            offer
            for offer in offers
            if offer.method.in_header
            and _may(request, offer)
            and self.offers(offer.method.original_function_name, target)
        ]

    def offers(self, verb: str, target: Any) -> bool:
        """Whether the object's state allows the verb."""
        return verb not in self.moves or target.state in self.moves[verb].sources

    def has_module_permission(self, request: Request) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: Request, obj: Model | None = None) -> bool:
        return allows(request, f"{self.resource}:read")

    def has_add_permission(self, request: Request) -> bool:
        return False

    def has_change_permission(self, request: Request, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: Request, obj: Model | None = None) -> bool:
        return False

    def done(self, request: Request, sentence: str, *, at: Model | None = None) -> HttpResponse:
        """Answer a dialog: say what was done, on the page of `at`, or on the list."""
        messages.success(request, sentence)
        if at is None:
            url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        else:
            url = reverse(f"admin:{at._meta.label_lower.replace('.', '_')}_change", args=[at.pk])
        return HttpResponse(headers={"HX-Redirect": url})


def _may(request: Request, offer: Any) -> bool:
    return allows(request, offer.method.right)


def verb(
    description: Any,
    *,
    right: str,
    icon: str,
    form: Callable[..., VerbForm] = VerbForm,
    title: Any = "",
    primary: bool = False,
    in_header: bool = True,
    submit: Any = "",
    template: str = "backoffice/dialog.html",
) -> Callable[[Method], Method]:
    """Make an action of a method: GET shows a dialog, and only a POST, with its token, acts.

    The method gets (request, form, target) and answers `self.done(…)`; target is None for actions
    of a list. What it refuses by raising an AppError is shown in the dialog. `in_header=False` is
    for verbs that an object's page offers in a place of its own.
    """

    def decorate(method: Method) -> Method:
        @wraps(method)
        def view(
            self: WorkspaceAdmin, request: Request, object_id: str | None = None
        ) -> HttpResponse:
            if not allows(request, right):
                raise PermissionDenied
            target = self.get_object(request, object_id) if object_id else None
            posted = request.POST if request.method == "POST" else None
            bound = form(posted, request=request, target=target)
            if bound.is_valid():
                try:
                    return method(self, request, bound, target)
                except AppError as error:
                    bound.refuse(error)
            context = {
                "title": title or description,
                "form": bound,
                "submit": submit or description,
            }
            return render(request, template, context)

        variant = ActionVariant.PRIMARY if primary else ActionVariant.DEFAULT
        offered: Any = action(description=description, icon=icon, variant=variant)(view)
        offered.dialog = {"title": title or description}
        offered.right = right
        offered.in_header = in_header
        made: Method = offered
        return made

    return decorate
