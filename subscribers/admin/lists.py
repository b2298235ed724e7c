"""Lists, and how they ask people whether they mean it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from delivery.models import OptInMessage, SenderIdentity, WelcomeMessage
from delivery.services import confirmations, welcomes
from delivery.wording import LANGUAGES
from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, archive, create, edit
from subscribers import services
from subscribers.models import List, Subscription
from subscribers.states import OptIn
from templates_app.models import Template
from templates_app.states import MessageClass


class ListForm(VerbForm):
    name = forms.CharField(max_length=100)
    public = forms.BooleanField(
        required=False, initial=True, help_text=_("Shown on pages for subscribers.")
    )


class NewListForm(ListForm, NamedForm):
    opt_in = forms.ChoiceField(choices=OptIn.choices, initial=OptIn.DOUBLE)
    field_order = ("name", "slug", "opt_in", "public")


class OptInForm(VerbForm):
    sends = forms.BooleanField(
        required=False, label=_("Ask people who are pending to confirm, by a message")
    )
    language = forms.ChoiceField(
        choices=LANGUAGES, help_text=_("Of the built-in message, and of the pages it leads to.")
    )
    sender = forms.ModelChoiceField(
        SenderIdentity.objects.all(), required=False, help_text=_("By default the first one.")
    )
    template = forms.ModelChoiceField(
        Template.objects.filter(archived_at=None),
        required=False,
        help_text=_("By default the built-in one. Another needs {{ links.confirm }}."),
    )

    def values_of(self, target: List) -> dict[str, Any]:
        own = OptInMessage.objects.filter(list=target).first() or OptInMessage(list=target)
        return super().values_of(own)


class WelcomeForm(VerbForm):
    template = forms.ModelChoiceField(
        Template.objects.filter(archived_at=None, message_class=MessageClass.MARKETING),
        help_text=_("Who joins gets it once; who is on the list already does not."),
    )
    sender = forms.ModelChoiceField(
        SenderIdentity.objects.all(), required=False, help_text=_("By default the first one.")
    )
    sends = forms.BooleanField(required=False, initial=True, label=_("Send it"))

    def values_of(self, target: List) -> dict[str, Any]:
        own = WelcomeMessage.objects.filter(list=target).first()
        return super().values_of(own) if own else {"sends": True}


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
    list_verbs = (create(services.create_list, label=_("New list"), form=NewListForm),)
    row_verbs = (
        edit(services.update_list, form=ListForm),
        Verb(
            confirmations.set_opt_in,
            name="opt_in_message",
            label=_("Opt-in message"),
            icon="mark_email_read",
            form=OptInForm,
            submit=_("Save"),
            done=_("Saved."),
        ),
        Verb(
            welcomes.set_welcome,
            name="welcome_message",
            label=_("Welcome message"),
            icon="waving_hand",
            form=WelcomeForm,
            submit=_("Save"),
            done=_("Saved."),
        ),
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
