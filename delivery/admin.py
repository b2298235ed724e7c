from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from delivery import services
from delivery.models import Outbox, SenderIdentity, SendLedger, Source
from emailseq.backoffice.columns import BADGES, column, subscriber_link
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin, verb
from emailseq.backoffice.pages import Request

SOURCE = column(gettext_lazy("Source"), lambda row: row.source_name)
TEMPLATE = column(gettext_lazy("Template"), lambda row: row.template_version.template.name)


def _reactions(row: SendLedger) -> str:
    did = {
        _("opened"): row.opened_at,
        _("clicked"): row.clicked_at,
        _("unsubscribed"): row.unsubscribed_at,
    }
    return ", ".join(word for word, at in did.items() if at)


class MessageAdmin(WorkspaceAdmin):
    """What the lists of the ledger and the outbox share."""

    resource = "delivery"
    list_display_links = None
    list_select_related = ("subscriber", "template_version__template")

    def read_beside(self, rows: list[Any]) -> None:
        ids = {row.source_id for row in rows}
        sources = Source.objects.filter(source_id__in=ids)
        names = {(source.kind, source.source_id): source.name for source in sources}
        for row in rows:
            row.source_name = names.get((row.kind, row.source_id), row.get_kind_display())


@admin.register(SendLedger)
class LedgerAdmin(MessageAdmin):
    hint = gettext_lazy("What became of every message, one row per recipient. Opens are estimates.")
    list_display = (
        "finished_at",
        subscriber_link,
        SOURCE,
        TEMPLATE,
        column(
            gettext_lazy("Outcome"),
            lambda row: (row.outcome, row.get_outcome_display()),
            label=BADGES,
        ),
        column(gettext_lazy("Reason or answer"), lambda row: row.reason or row.reply),
        column(gettext_lazy("What they did"), _reactions),
    )
    list_filter = ("outcome", "kind")


@admin.register(Outbox)
class InDoubtAdmin(MessageAdmin):
    hint = gettext_lazy(
        "A worker died while these were on the wire: they may or may not have left. Look into the "
        "mail server's log for the Message-ID, then decide."
    )
    list_display = ("doubt_at", subscriber_link, SOURCE, TEMPLATE, "attempts", "last_reply")
    actions_row = ("mark_sent", "send_again")

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).in_doubt()

    @verb(
        gettext_lazy("Count it as sent"),
        right="delivery:write",
        icon="done_all",
        title=gettext_lazy("Count this message as sent?"),
    )
    def mark_sent(self, request: Request, form: VerbForm, target: Outbox) -> HttpResponse:
        services.resolve_in_doubt(target, as_sent=True, by=request.actor)
        return self.done(request, _("Counted as sent."))

    @verb(
        gettext_lazy("Send it again"),
        right="delivery:write",
        icon="send",
        title=gettext_lazy("Send it again? The recipient may get it twice."),
    )
    def send_again(self, request: Request, form: VerbForm, target: Outbox) -> HttpResponse:
        services.resolve_in_doubt(target, as_sent=False, by=request.actor)
        return self.done(request, _("It is due again."))


class SenderForm(VerbForm):
    name = forms.CharField(max_length=100, help_text=gettext_lazy("As recipients see it."))
    email = forms.CharField(max_length=254, label=gettext_lazy("Address"))
    reply_to = forms.CharField(max_length=254, required=False, label=gettext_lazy("Answers go to"))


@admin.register(SenderIdentity)
class SenderIdentityAdmin(WorkspaceAdmin):
    resource = "delivery"
    hint = gettext_lazy("Who messages come from.")
    list_display = ("name", "email", "reply_to", "created_at")
    list_display_links = None
    actions_list = ("create",)

    @verb(
        gettext_lazy("New sender"),
        right="delivery:write",
        icon="add",
        form=SenderForm,
        primary=True,
        submit=gettext_lazy("Create"),
    )
    def create(self, request: Request, form: VerbForm, target: None) -> HttpResponse:
        made = services.create_sender(request.workspace, by=request.actor, **form.cleaned_data)
        return self.done(request, _("Messages can come from %s now.") % made)
