"""What every model admin inherits: one workspace, lists that scale, writes through verbs only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant

from emailseq.backoffice.pages import Request, allows, require
from emailseq.backoffice.verbs import Verb
from emailseq.lib.errors import AppError
from emailseq.lib.state import Move


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
    """Shows the rows of one workspace. Nothing is written but by its verbs.

    `resource` names the permissions, `hint` is the sentence above the list, `moves` says which
    verbs a state allows, and `change_form_template` is the page of one object, if it has one.
    """

    resource = ""
    to_see = ""  # the permission, where it is not to read the resource
    hint: Any = ""
    moves: Mapping[str, Move] = {}
    list_verbs: Sequence[Verb] = ()  # above the list
    row_verbs: Sequence[Verb] = ()  # in the menu of each row
    page_verbs: Sequence[Verb] = ()  # in the header of an object's page
    inner_verbs: Sequence[Verb] = ()  # in a place of their own on it

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    ordering: Sequence[str] = ("-id",)
    paginator = CappedPaginator
    list_before_template = "backoffice/hint.html"
    list_filter_sheet = False

    def __init_subclass__(cls) -> None:
        """Hand the verbs to the theme, which calls them actions and finds them by name."""
        for verb in (*cls.list_verbs, *cls.row_verbs, *cls.page_verbs, *cls.inner_verbs):
            setattr(cls, verb.name, _action(verb))
        cls.actions_list = [verb.name for verb in cls.list_verbs]
        cls.actions_row = [verb.name for verb in cls.row_verbs]
        cls.actions_detail = [verb.name for verb in (*cls.page_verbs, *cls.inner_verbs)]

    def get_queryset(self, request: Request) -> Any:
        return self.model._default_manager.of(request.workspace).order_by(*self.ordering)

    def get_list_display_links(self, request: Request, list_display: Any) -> Any:
        """Objects without a page of their own have nothing to lead to."""
        return list_display[:1] if self.change_form_template else ()

    def get_object(self, request: Request, object_id: str, from_field: str | None = None) -> Any:
        """The object, read once per request. Http404 when this workspace has none of that id."""
        known = request.__dict__.setdefault("admin_objects", {})
        if (self.model, object_id) not in known:
            known[self.model, object_id] = super().get_object(request, object_id, from_field)
        if (found := known[self.model, object_id]) is None:
            raise Http404
        return found

    def get_search_results(self, request: Request, queryset: Any, search_term: str) -> Any:
        """Search for the beginning of what is stored in small letters, so that an index serves."""
        return super().get_search_results(request, queryset, search_term.lower())

    def get_changelist_instance(self, request: Request) -> Any:
        changelist = super().get_changelist_instance(request)
        self.read_beside(list(changelist.result_list))
        if not (changelist.query or changelist.has_active_filters):
            changelist.full_result_count = changelist.result_count  # nothing to say about the rest
        return changelist

    def read_beside(self, rows: list[Any]) -> None:
        """Read what the list shows beside its rows, for all of them at once, onto the rows."""

    def render_change_form(
        self, request: Request, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        context |= self.page_context(request, context["original"])
        page: HttpResponse = super().render_change_form(request, context, *args, **options)
        return page

    def page_context(self, request: Request, target: Any) -> dict[str, Any]:
        """What the page of one object shows beside the object."""
        return {}

    def get_actions_list(self, request: Request) -> list[Any]:
        return self._allowed(request, self.list_verbs)

    def get_actions_row(self, request: Request) -> list[Any]:
        return self._allowed(request, self.row_verbs)

    def get_actions_detail(self, request: Request, object_id: str) -> list[Any]:
        target = self.get_object(request, object_id)
        offered = [verb for verb in self.page_verbs if self.offers(verb, target)]
        return self._allowed(request, offered)

    def right(self, verb: Verb) -> str:
        return verb.right or f"{self.resource}:write"

    def offers(self, verb: Verb, target: Any) -> bool:
        """Whether the object's state allows the verb."""
        if verb.name in self.moves and target.state not in self.moves[verb.name].sources:
            return False
        return self.is_open(target) and verb.when(target)

    def is_open(self, target: Any) -> bool:
        """Whether anything may still be done to the object."""
        return True

    def may_write(self, request: Request, target: Any) -> bool:
        return self.is_open(target) and allows(request, f"{self.resource}:write")

    def has_module_permission(self, request: Request) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: Request, obj: Model | None = None) -> bool:
        return allows(request, self.to_see or f"{self.resource}:read")

    def has_add_permission(self, request: Request) -> bool:
        return False

    def has_change_permission(self, request: Request, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: Request, obj: Model | None = None) -> bool:
        return False

    def dialog(self, request: Request, verb: Verb, object_id: str | None) -> HttpResponse:
        """Show the dialog of a verb, or do what it was submitted for."""
        require(request, self.right(verb))
        target = self.get_object(request, object_id) if object_id else None
        posted = request.POST if request.method == "POST" else None
        form = verb.form(posted, request=request, target=target)
        if form.is_valid():
            try:
                result = verb.act(target or request.workspace, by=request.actor, **form.arguments())
                return self.done(request, verb, target, result)
            except AppError as error:
                form.refuse(error)
        return render(request, verb.template, verb.context(form, target))

    def done(self, request: Request, verb: Verb, target: Any, result: Any) -> HttpResponse:
        """Answer a dialog: say what was done, and go where it shows."""
        about = result if isinstance(result, self.model) else target
        sentence = result if isinstance(result, str) else verb.done.format(about)
        messages.success(request, sentence)
        return HttpResponse(headers={"HX-Redirect": self.url_of(about)})

    def url_of(self, target: Any) -> str:
        """The page of an object; the list, where objects have none."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        if self.change_form_template and target:  # what is about the list leads back to it
            return reverse(f"{name}_change", args=[target.pk])
        return reverse(f"{name}_changelist")

    def _allowed(self, request: Request, verbs: Sequence[Verb]) -> list[Any]:
        """The verbs that the person's role includes, as the theme's actions."""
        allowed = [verb for verb in verbs if allows(request, self.right(verb))]
        return [self.get_unfold_action(verb.name) for verb in allowed]


def _action(verb: Verb) -> Callable[..., HttpResponse]:
    def view(self: WorkspaceAdmin, request: Request, object_id: str | None = None) -> HttpResponse:
        if verb.page and object_id:
            require(request, self.right(verb))
            return verb.page(request, self.get_object(request, object_id))
        return self.dialog(request, verb, object_id)

    view.__name__ = verb.name
    variant = ActionVariant.PRIMARY if verb.primary else ActionVariant.DEFAULT
    offered: Any = action(description=verb.label, icon=verb.icon, variant=variant)(view)
    if not verb.page:
        offered.dialog = {"title": verb.title or verb.label}
    made: Callable[..., HttpResponse] = offered
    return made
