from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from accounts import permissions, services
from accounts.models import APIKey, AuditEntry, Membership, Workspace
from emailseq.backoffice.columns import BADGES, column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, create, edit


class WorkspaceForm(VerbForm):
    name = forms.CharField(max_length=100)
    postal_address = forms.CharField(
        max_length=300, required=False, help_text=_("In the footer of every message.")
    )
    time_zone = forms.CharField(
        max_length=64, help_text=_("Such as Europe/Berlin; for people whose own is not known.")
    )
    opens = forms.TimeField(
        required=False, label=_("Quiet until"), help_text=_("On each person's own clock.")
    )
    closes = forms.TimeField(required=False, label=_("Quiet from"))
    cap_per_day = forms.IntegerField(
        required=False, label=_("Marketing messages to one person a day, at most")
    )
    cap_per_week = forms.IntegerField(required=False, label=_("… and a week, at most"))
    approval_above = forms.IntegerField(
        required=False,
        label=_("Approval by a second person above so many recipients"),
        help_text=_("Empty: whoever may send sends alone."),
    )
    utm_source = forms.CharField(
        max_length=100,
        required=False,
        label=_("Source that links tell (utm_source)"),
        help_text=_("Such as newsletter. Empty: links of campaigns and sequences tell nothing."),
    )
    utm_medium = forms.CharField(
        max_length=100, required=False, label=_("Medium that they tell (utm_medium)")
    )

    def values_of(self, target: Workspace) -> dict[str, Any]:
        return {**super().values_of(target), **(target.awake or {})}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if (given.get("opens") is None) != (given.get("closes") is None):
            self.add_error("closes", _("Say both when quiet hours begin and when they end."))
        return given

    def arguments(self) -> dict[str, Any]:
        """Days and zone of quiet hours, which only the API sets, stay as they are."""
        given = super().arguments()
        clock = {name: given.pop(name) for name in ("opens", "closes")}
        known = (self.target.awake if isinstance(self.target, Workspace) else None) or {}
        awake = {**known, **{name: f"{value:%H:%M}" for name, value in clock.items() if value}}
        return {**given, "awake": awake if clock["opens"] is not None else None}


@admin.register(Workspace)
class WorkspaceSettingsAdmin(WorkspaceAdmin):
    resource = "team"
    to_see = "team:write"
    hint = _("Who you are, which clock you live by, and how often people hear from you.")
    list_display = (
        "name",
        "postal_address",
        "time_zone",
        column(
            _("Quiet hours"),
            lambda row: f"{row.awake['closes']}–{row.awake['opens']}" if row.awake else _("none"),
        ),
        column(_("A day"), lambda row: row.cap_per_day or _("no cap")),
        column(_("A week"), lambda row: row.cap_per_week or _("no cap")),
    )
    row_verbs = (edit(services.update_workspace, form=WorkspaceForm),)

    def get_queryset(self, request: Request) -> QuerySet[Workspace]:
        return Workspace.objects.filter(pk=request.workspace.pk)


@admin.register(Membership)
class MembershipAdmin(WorkspaceAdmin):
    to_see = "team:write"
    hint = _("Who works in this workspace. `manage.py create_owner` lets people in.")
    list_display = (
        "user",
        column(_("Role"), lambda row: row.group.name, label=True),
        "created_at",
        column(_("Last signed in"), lambda row: row.user.last_login),
    )

    def get_queryset(self, request: Request) -> QuerySet[Membership]:
        own = Membership.objects.filter(workspace=request.workspace)
        return own.select_related("user", "group")


class NewKeyForm(VerbForm):
    name = forms.CharField(max_length=100, help_text=_("Which program will use it?"))

    def extra_fields(self) -> dict[str, forms.Field]:
        """Nobody can give a key more than their own role allows."""
        role = self.request.membership.group.name if self.request.membership else ""
        mine = sorted(permissions.of_role(role))
        boxes = forms.CheckboxSelectMultiple
        return {"scopes": forms.MultipleChoiceField(choices=[(s, s) for s in mine], widget=boxes)}

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "created_by": self.request.user}


@admin.register(APIKey)
class APIKeyAdmin(WorkspaceAdmin):
    resource = "keys"
    to_see = "keys:write"
    hint = _("What programs sign in with. A key can do no more than its scopes say.")
    list_display = (
        "name",
        column(_("Key"), lambda key: f"sk_{key.visible}_…"),
        column(
            _("State"),
            lambda key: ("failed", _("Revoked")) if key.revoked_at else ("active", _("Valid")),
            label=BADGES,
        ),
        column(_("Scopes"), lambda key: ", ".join(key.scopes)),
        "created_by",
        "last_used_at",
    )
    list_select_related = ("created_by",)
    list_verbs = (create(services.create_api_key, label=_("New key"), form=NewKeyForm),)
    row_verbs = (
        Verb(
            services.revoke_api_key,
            name="revoke",
            label=_("Revoke"),
            icon="block",
            title=_("Revoke this key?"),
            done=_("{} ends here; whoever uses it is refused."),
        ),
    )

    def done(self, request: Request, verb: Verb, target: Any, result: Any) -> HttpResponse:
        """A new key is shown at once: nobody can read it later."""
        if verb.name == "revoke":
            return super().done(request, verb, target, result)
        key, secret = result
        return render(request, "accounts/new_key.html", {"key": key, "secret": secret})


@admin.register(AuditEntry)
class AuditEntryAdmin(WorkspaceAdmin):
    resource = "audit"
    hint = _("Who changed what. Nobody can edit this log.")
    list_display = (
        "at",
        "actor_label",
        "verb",
        "object_label",
        column(
            _("Details"),
            lambda entry: ", ".join(f"{name}: {value}" for name, value in entry.changes.items()),
        ),
    )
