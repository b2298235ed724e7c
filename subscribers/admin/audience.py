"""Lists, suppressions, custom fields and imports."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.columns import column, state_badge
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, archive, create, edit
from subscribers import services
from subscribers.models import CustomField, Import, List, Subscription, Suppression
from subscribers.states import FieldKind, OptIn, SuppressionReason


class ListForm(VerbForm):
    name = forms.CharField(max_length=100)
    public = forms.BooleanField(
        required=False, initial=True, help_text=_("Shown on pages for subscribers.")
    )


class NewListForm(ListForm, NamedForm):
    opt_in = forms.ChoiceField(choices=OptIn.choices, initial=OptIn.DOUBLE)
    field_order = ("name", "slug", "opt_in", "public")


@admin.register(List)
class ListAdmin(WorkspaceAdmin):
    resource = "lists"
    hint = _("People say yes to a list, and leave it. Every message rests on one.")
    list_display = (
        "name",
        "slug",
        "opt_in",
        "public",
        column(_("Confirmed"), lambda row: row.places["confirmed"]),
        column(_("Pending"), lambda row: row.places["pending"]),
        column(_("Left"), lambda row: row.places["unsubscribed"]),
        "created_at",
    )
    list_display_links = None
    list_verbs = (create(services.create_list, label=_("New list"), form=NewListForm),)
    row_verbs = (
        edit(services.update_list, form=ListForm),
        archive(
            services.archive_list,
            sentence=_("Nobody joins “{}” any more; whoever is on it can still leave."),
        ),
    )

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).filter(archived_at=None)

    def read_beside(self, rows: list[Any]) -> None:
        places = Subscription.objects.filter(list__in=rows).order_by()
        counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for list_id, state, number in places.values_list("list", "state").annotate(Count("id")):
            counts[list_id][state] = number
        for row in rows:
            row.places = counts[row.pk]


class SuppressForm(VerbForm):
    email = forms.CharField(max_length=254, label=_("Address"))
    note = forms.CharField(max_length=500, required=False)


class LiftForm(VerbForm):
    reason = forms.CharField(max_length=500, help_text=_("Why may this address be sent to again?"))

    def values_of(self, target: Any) -> dict[str, Any]:
        return {}


@admin.register(Suppression)
class SuppressionAdmin(WorkspaceAdmin):
    resource = "subscribers"
    hint = _("Addresses that nothing is sent to, whoever carries them.")
    list_display = (
        "address_key",
        column(_("Reason"), lambda row: row.get_reason_display(), label=True),
        "note",
        "created_at",
    )
    list_display_links = None
    list_filter = ("reason",)
    search_fields = ("address_key__startswith",)
    search_help_text = _("Address starts with …")
    list_verbs = (
        Verb(
            partial(services.suppress, reason=SuppressionReason.MANUAL),
            name="suppress",
            label=_("Suppress an address"),
            icon="block",
            form=SuppressForm,
            done=_("Nothing is sent to {} any more."),
            primary=True,
        ),
    )
    row_verbs = (
        Verb(
            services.lift,
            name="lift",
            label=_("Lift"),
            icon="lock_open",
            form=LiftForm,
            done=_("{} may be sent to again."),
        ),
    )


class NewFieldForm(VerbForm):
    label = forms.CharField(max_length=100)
    key = forms.RegexField(
        r"^[a-z][a-z0-9_]*\Z", max_length=50, help_text=_("In templates: {{ subscriber.KEY }}")
    )
    kind = forms.ChoiceField(choices=FieldKind.choices)


@admin.register(CustomField)
class CustomFieldAdmin(WorkspaceAdmin):
    resource = "lists"
    hint = _("What else you know of people, and may say in a template.")
    list_display = ("label", "key", "kind", "created_at")
    list_display_links = None
    list_verbs = (create(services.create_field, label=_("New field"), form=NewFieldForm),)


@admin.register(Import)
class ImportAdmin(WorkspaceAdmin):
    resource = "subscribers"
    hint = _("Files of people: `manage.py import_subscribers FILE --list SLUG`.")
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
