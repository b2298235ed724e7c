"""What is not sent to: single addresses, many at once, whole domains."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, require
from emailseq.backoffice.verbs import Verb
from subscribers import services
from subscribers.cells import csv_lines
from subscribers.exports import suppression_rows
from subscribers.models import Suppression
from subscribers.states import SuppressionReason

HOW = _("One a line: addresses, whole domains like @example.com, or SHA-256 digests of addresses.")
# A person's own no is theirs to say.
REASONS = [choice for choice in SuppressionReason.choices if choice[0] != "unsubscribed"]


class SuppressForm(VerbForm):
    named = forms.CharField(
        label=_("Who?"), help_text=HOW, widget=forms.Textarea({"rows": 4, "spellcheck": "false"})
    )
    reason = forms.ChoiceField(choices=REASONS)
    note = forms.CharField(max_length=500, required=False)


class LiftForm(VerbForm):
    reason = forms.CharField(max_length=500, help_text=_("Why may this address be sent to again?"))

    def values_of(self, target: Any) -> dict[str, Any]:
        return {}


def _suppress(workspace: Workspace, *, by: Actor, **given: Any) -> str:
    number = services.suppress_named(workspace, by=by, **given)
    return _("Suppressed: %d.") % number


@admin.register(Suppression)
class SuppressionAdmin(WorkspaceAdmin):
    resource = "subscribers"
    hint = _("Addresses and domains that nothing is sent to, whoever carries them.")
    list_before_template = "subscribers/suppressions_hint.html"
    list_display = (
        "address_key",
        column(_("Reason"), lambda row: row.get_reason_display(), label=True),
        "note",
        column(_("Added by"), lambda row: row.source),
        "created_at",
    )
    list_filter = ("reason",)
    search_fields = ("address_key__startswith",)
    search_help_text = _("Address starts with …, or @domain")
    list_verbs = (
        Verb(
            _suppress,
            name="suppress",
            label=_("Suppress"),
            icon="block",
            form=SuppressForm,
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

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export)
        return [path("export/", export, name="subscribers_suppression_export"), *super().get_urls()]

    def export(self, request: Request) -> HttpResponseBase:
        """All of them as CSV."""
        require(request, "subscribers:read")
        workspace = request.workspace
        audit.record(workspace, "suppressions.exported", by=request.actor, on=workspace)
        found = Suppression.objects.of(workspace)
        lines = csv_lines(suppression_rows(found))
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="suppressions.csv"'
        return answer
