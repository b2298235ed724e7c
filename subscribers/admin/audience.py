"""Lists, suppressions, custom fields and imports."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from emailseq.backoffice.columns import column, state_badge
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin, verb
from emailseq.backoffice.pages import Request
from subscribers import services
from subscribers.models import CustomField, Import, List, Subscription, Suppression
from subscribers.states import FieldKind, OptIn, SubscriptionState, SuppressionReason


class NewListForm(NamedForm):
    opt_in = forms.ChoiceField(choices=OptIn.choices, initial=OptIn.DOUBLE)
    public = forms.BooleanField(
        required=False, initial=True, help_text=gettext_lazy("Shown on pages for subscribers.")
    )


@admin.register(List)
class ListAdmin(WorkspaceAdmin):
    resource = "lists"
    hint = gettext_lazy("People say yes to a list, and leave it. Every message rests on one.")
    list_display = (
        "name",
        "slug",
        "opt_in",
        column(gettext_lazy("Confirmed"), lambda row: row.places["confirmed"]),
        column(gettext_lazy("Pending"), lambda row: row.places["pending"]),
        column(gettext_lazy("Left"), lambda row: row.places["unsubscribed"]),
        "created_at",
    )
    list_display_links = None
    actions_list = ("create",)

    def read_beside(self, rows: list[Any]) -> None:
        places = Subscription.objects.filter(list__in=rows).order_by()
        counts: dict[tuple[int, str], int] = {
            (list_id, state): number
            for list_id, state, number in places.values_list("list_id", "state").annotate(
                Count("id")
            )
        }
        for row in rows:
            row.places = {state: counts.get((row.pk, state), 0) for state in SubscriptionState}

    @verb(
        gettext_lazy("New list"),
        right="lists:write",
        icon="add",
        form=NewListForm,
        primary=True,
        submit=gettext_lazy("Create"),
    )
    def create(self, request: Request, form: VerbForm, target: None) -> HttpResponse:
        made = services.create_list(request.workspace, by=request.actor, **form.cleaned_data)
        return self.done(request, _("The list “%s” is there.") % made)


class SuppressForm(VerbForm):
    email = forms.CharField(max_length=254, label=gettext_lazy("Address"))
    note = forms.CharField(max_length=500, required=False)


class LiftForm(VerbForm):
    reason = forms.CharField(
        max_length=500, help_text=gettext_lazy("Why may this address be sent to again?")
    )

    def values_of(self, target: Any) -> dict[str, Any]:
        return {}


@admin.register(Suppression)
class SuppressionAdmin(WorkspaceAdmin):
    resource = "subscribers"
    hint = gettext_lazy("Addresses that nothing is sent to, whoever carries them.")
    list_display = (
        "address_key",
        column(gettext_lazy("Reason"), lambda row: row.get_reason_display(), label=True),
        "note",
        "created_at",
    )
    list_display_links = None
    list_filter = ("reason",)
    search_fields = ("address_key__startswith",)
    search_help_text = gettext_lazy("Address starts with …")
    actions_list = ("suppress",)
    actions_row = ("lift",)

    def get_search_results(self, request: Request, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())

    @verb(
        gettext_lazy("Suppress an address"),
        right="subscribers:write",
        icon="block",
        form=SuppressForm,
        primary=True,
    )
    def suppress(self, request: Request, form: VerbForm, target: None) -> HttpResponse:
        suppression = services.suppress(
            request.workspace,
            reason=SuppressionReason.MANUAL,
            by=request.actor,
            **form.cleaned_data,
        )
        return self.done(request, _("Nothing is sent to %s any more.") % suppression)

    @verb(gettext_lazy("Lift"), right="subscribers:write", icon="lock_open", form=LiftForm)
    def lift(self, request: Request, form: VerbForm, target: Suppression) -> HttpResponse:
        services.lift(target, by=request.actor, reason=form.cleaned_data["reason"])
        return self.done(request, _("%s may be sent to again.") % target)


class NewFieldForm(VerbForm):
    label = forms.CharField(max_length=100)
    key = forms.RegexField(
        r"^[a-z][a-z0-9_]*\Z",
        max_length=50,
        help_text=gettext_lazy("In templates: {{ subscriber.KEY }}"),
    )
    kind = forms.ChoiceField(choices=FieldKind.choices)


@admin.register(CustomField)
class CustomFieldAdmin(WorkspaceAdmin):
    resource = "lists"
    hint = gettext_lazy("What else you know of people, and may say in a template.")
    list_display = ("label", "key", "kind", "created_at")
    list_display_links = None
    actions_list = ("create",)

    @verb(
        gettext_lazy("New field"),
        right="lists:write",
        icon="add",
        form=NewFieldForm,
        primary=True,
        submit=gettext_lazy("Create"),
    )
    def create(self, request: Request, form: VerbForm, target: None) -> HttpResponse:
        made = services.create_field(request.workspace, by=request.actor, **form.cleaned_data)
        return self.done(request, _("The field “%s” is there.") % made)


@admin.register(Import)
class ImportAdmin(WorkspaceAdmin):
    resource = "subscribers"
    hint = gettext_lazy("Files of people: `manage.py import_subscribers FILE --list SLUG`.")
    list_display = (
        "file_name",
        state_badge,
        "list",
        "line_count",
        "created_count",
        "updated_count",
        "unchanged_count",
        "refused_count",
        "created_at",
    )
    list_display_links = None
    list_select_related = ("list",)
