"""Forms: where people put themselves on lists."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Count
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, allows
from emailseq.backoffice.verbs import archive, create, edit
from emailseq.lib import clock
from subscribers import services
from subscribers.models import Form, List, SignUp
from subscribers.wording import LANGUAGES


class SignUpFormForm(VerbForm):
    name = forms.CharField(max_length=100, help_text=_("Also the heading of the form."))
    intro = forms.CharField(max_length=500, required=False, label=_("Introduction"))
    lists = forms.ModelMultipleChoiceField(
        List.objects.joinable().order_by("name"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Public lists with double opt-in; of several, people choose."),
    )
    consent_text = forms.CharField(
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What people say yes to. Each consent keeps the words it was given to."),
    )
    asks_name = forms.BooleanField(required=False, label=_("Ask for the name, too"))
    language = forms.ChoiceField(choices=LANGUAGES)
    most_per_day = forms.IntegerField(
        required=False,
        min_value=1,
        label=_("At most in 24 hours"),
        help_text=_("Further sign-ups are turned away until tomorrow; empty for no limit."),
    )
    redirect_url = forms.URLField(
        max_length=500,
        required=False,
        assume_scheme="https",
        label=_("Thank-you page"),
        help_text=_("An https address of yours, shown after; by default a page of ours."),
    )

    def values_of(self, target: Form) -> dict[str, Any]:
        return {**super().values_of(target), "lists": list(target.lists.all())}

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        return {**given, "lists": list(given["lists"])}


def _embed(form: Form) -> str:
    label = _("Open the page")
    return format_html('<a href="{}" target="_blank" rel="noopener">{}</a>', form.url, label)


VERBS = (
    edit(services.update_form, form=SignUpFormForm),
    archive(services.archive_form, sentence=_("Nobody signs up by “{}” any more.")),
)


@admin.register(Form)
class FormAdmin(WorkspaceAdmin):
    resource = "lists"
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    hint = _("Where people put themselves on lists. Whoever signs up is asked by mail to confirm.")
    list_display = (
        "name",
        column(_("Lists"), lambda row: ", ".join(str(each) for each in row.lists.all())),
        column(_("Sign-ups"), lambda row: row.sign_up_count),
        column(_("Consent text"), lambda row: f"v{row.consent_version}"),
        column(_("Page"), _embed),
        "created_at",
    )
    list_verbs = (create(services.create_form, label=_("New form"), form=SignUpFormForm),)
    change_form_template = "subscribers/form_page.html"
    row_verbs = VERBS
    page_verbs = VERBS

    def get_queryset(self, request: Request) -> Any:
        rows = super().get_queryset(request)
        return rows.filter(archived_at=None).prefetch_related("lists")

    def url_of(self, target: Form) -> str:
        """A form that is closed is in no list, and has no page."""
        if Form.objects.filter(pk=target.pk).exclude(archived_at=None).exists():
            return reverse("admin:subscribers_form_changelist")
        return super().url_of(target)

    def page_context(self, request: Request, target: Form) -> dict[str, Any]:
        sent = SignUp.objects.filter(form=target)
        return {
            "path": reverse("form", args=[target.public_id]),
            "total": sent.count(),
            "of_late": sent.filter(at__gt=clock.now() - timedelta(days=1)).count(),
            "may_see_people": allows(request, "subscribers:read"),
        }

    def read_beside(self, rows: list[Any]) -> None:
        sent = SignUp.objects.filter(form__in=rows).order_by().values_list("form")
        counts = dict(sent.annotate(Count("id")))
        for row in rows:
            row.sign_up_count = counts.get(row.pk, 0)
