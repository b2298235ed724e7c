from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from analytics import conversions
from analytics.models import Conversion
from analytics.states import Attribution
from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.verbs import archive, create


class ConversionForm(VerbForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    event_name = forms.CharField(
        label=_("Event"),
        max_length=64,
        help_text=_("The name under which your shop or app tells it, e.g. order_placed."),
    )
    amount_property = forms.CharField(
        label=_("Amount"),
        max_length=64,
        required=False,
        help_text=_("The property of the event that says what it came to, e.g. total."),
    )
    window_days = forms.IntegerField(
        label=_("Days"),
        min_value=1,
        max_value=90,
        initial=7,
        help_text=_("For how many days a message takes credit."),
    )
    attribution = forms.ChoiceField(label=_("Credit to"), choices=Attribution.choices)


@admin.register(Conversion)
class ConversionAdmin(WorkspaceAdmin):
    resource = "reports"
    hint = _("What people are to do in the end. It is credited to one message, the last before it.")
    list_display = (
        "name",
        "event_name",
        "amount_property",
        column(_("Credit to"), lambda row: row.get_attribution_display()),
        "window_days",
    )
    list_verbs = (
        create(conversions.create_conversion, label=_("New conversion"), form=ConversionForm),
    )
    row_verbs = (
        archive(
            conversions.archive_conversion,
            sentence=_("“{}” is not counted any more. What was counted stays."),
        ),
    )

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).counting()
