from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from delivery import services
from delivery.admin.transports import CHOOSE
from delivery.letters import MessageKey
from delivery.models import Outbox, SenderIdentity, SendingDomain, SendLedger, Source
from emailseq.backoffice.columns import BADGES, column, subscriber_link
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, create

SOURCE = column(_("Source"), lambda row: row.source_name)
TEMPLATE = column(_("Template"), lambda row: row.template_version.template.name)


def _reactions(row: SendLedger) -> str:
    did = {
        _("opened"): row.opened_at,
        _("clicked"): row.clicked_at,
        _("unsubscribed"): row.unsubscribed_at,
    }
    return ", ".join(str(word) for word, at in did.items() if at)


def _message_id(row: Outbox) -> str:
    key = MessageKey(row.kind, row.source_id, row.step_key, row.run, row.subscriber_id)
    return key.message_id(row.sender.email)


class MessageAdmin(WorkspaceAdmin):
    """What the lists of the ledger and the outbox share."""

    resource = "delivery"
    list_select_related: tuple[str, ...] = ("subscriber", "template_version__template")

    def read_beside(self, rows: list[Any]) -> None:
        ids = {row.source_id for row in rows}
        sources = Source.objects.filter(source_id__in=ids)
        names = {(source.kind, source.source_id): source.name for source in sources}
        for row in rows:
            row.source_name = names.get((row.kind, row.source_id), row.get_kind_display())


@admin.register(SendLedger)
class LedgerAdmin(MessageAdmin):
    hint = _("What became of every message, one row per recipient. Opens are estimates.")
    list_display = (
        "finished_at",
        subscriber_link,
        SOURCE,
        TEMPLATE,
        column(_("Outcome"), lambda row: (row.outcome, row.get_outcome_display()), label=BADGES),
        column(_("Reason or answer"), lambda row: row.reason or row.reply),
        column(_("What they did"), _reactions),
    )
    list_filter = ("outcome", "kind")


@admin.register(Outbox)
class InDoubtAdmin(MessageAdmin):
    hint = _(
        "A worker died while these were on the wire: they may or may not have left. Look into the "
        "mail server's log for the Message-ID, then decide."
    )
    list_display = (
        column(_("Since"), lambda row: row.doubt_at),
        subscriber_link,
        SOURCE,
        TEMPLATE,
        column(_("Message-ID"), _message_id),
        column(_("Tries"), lambda row: row.attempts),
        column(_("Last answer"), lambda row: row.last_reply or "–"),
    )
    list_select_related = ("subscriber", "sender", "template_version__template")
    row_verbs = (
        Verb(
            partial(services.resolve_in_doubt, as_sent=True),
            name="mark_sent",
            label=_("Count it as sent"),
            icon="done_all",
            title=_("Count this message as sent?"),
            done=_("Counted as sent."),
        ),
        Verb(
            partial(services.resolve_in_doubt, as_sent=False),
            name="send_again",
            label=_("Send it again"),
            icon="send",
            title=_("Send it again? The recipient may get it twice."),
            done=_("It is due again."),
        ),
    )

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).in_doubt()


class SenderForm(VerbForm):
    name = forms.CharField(max_length=100, help_text=_("As recipients see it."))
    email = forms.CharField(max_length=254, label=_("Address"))
    reply_to = forms.CharField(max_length=254, required=False, label=_("Answers go to"))


@admin.register(SenderIdentity)
class SenderIdentityAdmin(WorkspaceAdmin):
    resource = "delivery"
    hint = _("Who messages come from.")
    list_display = (
        "name",
        "email",
        column(
            _("Sending domain"),
            lambda row: (row.domain.state, str(row.domain)) if row.domain else ("unknown", "–"),
            label=BADGES,
        ),
        "reply_to",
        column(_("Transport"), lambda row: row.transport or "–"),
        "created_at",
    )
    list_verbs = (create(services.create_sender, label=_("New sender"), form=SenderForm),)
    row_verbs = (CHOOSE,)
    list_select_related = ("transport",)

    def read_beside(self, rows: list[Any]) -> None:
        domains = SendingDomain.objects.filter(workspace__in={row.workspace_id for row in rows})
        closest = domains.closest([row.email for row in rows])
        for row in rows:
            row.domain = closest.get(row.email)
