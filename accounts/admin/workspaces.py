"""The settings of a workspace."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.models import Workspace
from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import edit


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
    second_factor = forms.BooleanField(
        required=False, label=_("Everybody has to sign in with a second factor")
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
