from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import permissions, services
from accounts.models import APIKey, AuditEntry, Membership
from emailseq.backoffice.columns import BADGES, column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin, verb
from emailseq.backoffice.pages import Request, allows


@admin.register(Membership)
class MembershipAdmin(WorkspaceAdmin):
    hint = gettext_lazy("Who works in this workspace. `manage.py create_owner` lets people in.")
    list_display = (
        "user",
        column(gettext_lazy("Role"), lambda row: row.group.name, label=True),
        "created_at",
        column(gettext_lazy("Last signed in"), lambda row: row.user.last_login),
    )
    list_display_links = None

    def get_queryset(self, request: Request) -> QuerySet[Membership]:
        return Membership.objects.filter(workspace=request.workspace).select_related(
            "user", "group"
        )

    def has_view_permission(self, request: Request, obj: Any = None) -> bool:
        return allows(request, "team:write")


class NewKeyForm(VerbForm):
    name = forms.CharField(max_length=100, help_text=gettext_lazy("Which program will use it?"))

    def extra_fields(self) -> dict[str, forms.Field]:
        """Nobody can give a key more than their own role allows."""
        role = self.request.membership.group.name if self.request.membership else ""
        mine = sorted(permissions.of_role(role))
        boxes = forms.CheckboxSelectMultiple
        return {"scopes": forms.MultipleChoiceField(choices=[(s, s) for s in mine], widget=boxes)}


@admin.register(APIKey)
class APIKeyAdmin(WorkspaceAdmin):
    hint = gettext_lazy("What programs sign in with. A key can do no more than its scopes say.")
    list_display = (
        "name",
        column(gettext_lazy("Key"), lambda key: f"sk_{key.visible}_…"),
        column(
            gettext_lazy("State"),
            lambda key: ("failed", _("Revoked")) if key.revoked_at else ("active", _("Valid")),
            label=BADGES,
        ),
        column(gettext_lazy("Scopes"), lambda key: ", ".join(key.scopes)),
        "created_by",
        "last_used_at",
    )
    list_display_links = None
    list_select_related = ("created_by",)
    actions_list = ("create",)
    actions_row = ("revoke",)

    def has_view_permission(self, request: Request, obj: Any = None) -> bool:
        return allows(request, "keys:write")

    @verb(
        gettext_lazy("New key"),
        right="keys:write",
        icon="add",
        form=NewKeyForm,
        primary=True,
        submit=gettext_lazy("Create"),
    )
    def create(self, request: Request, form: NewKeyForm, target: None) -> HttpResponse:
        key, secret = services.create_api_key(
            workspace=request.workspace,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            by=request.actor,
            created_by=request.user,
        )
        return render(request, "accounts/new_key.html", {"key": key, "secret": secret})

    @verb(
        gettext_lazy("Revoke"),
        right="keys:write",
        icon="block",
        title=gettext_lazy("Revoke this key?"),
    )
    def revoke(self, request: Request, form: VerbForm, target: APIKey) -> HttpResponse:
        services.revoke_api_key(target, by=request.actor)
        return self.done(request, _("%s ends here; whoever uses it is refused.") % target)


@admin.register(AuditEntry)
class AuditEntryAdmin(WorkspaceAdmin):
    resource = "audit"
    hint = gettext_lazy("Who changed what. Nobody can edit this log.")
    list_display = (
        "at",
        "actor_label",
        "verb",
        "object_label",
        column(
            gettext_lazy("Details"),
            lambda entry: ", ".join(f"{name}: {value}" for name, value in entry.changes.items()),
        ),
    )
    list_display_links = None
