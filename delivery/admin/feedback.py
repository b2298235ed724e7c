from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from delivery.models import Feedback, Mailbox, SendLedger, Source, Transport
from delivery.services import mailboxes as services
from emailseq.backoffice.columns import BADGES, column, subscriber_link
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, archive, create, edit


def _kind(row: Feedback) -> tuple[str, str]:
    return row.kind, row.get_kind_display()


def _words(row: Feedback) -> str:
    """Their code comes first, unless their words have it."""
    return row.reason if row.status in row.reason else f"{row.status} {row.reason}".strip()


def _address(row: Feedback) -> str:
    """What it is about, where that is not the subscriber's address of today."""
    if row.address_key == row.subscriber.address_key:
        return ""
    return row.address_key or str(_("an earlier one"))


@admin.register(Feedback)
class FeedbackAdmin(WorkspaceAdmin):
    resource = "delivery"
    hint = _(
        "What came back of messages that had left, and who said so. Hard bounces and complaints "
        "suppress the address at once, soft bounces when they repeat; what is refused because of "
        "you suppresses nobody."
    )
    list_display = (
        "at",
        subscriber_link,
        column(_("What"), _kind, label=BADGES),
        column(_("Their words"), _words),
        column(_("Source"), lambda row: row.source_name),
        column(_("About another address"), _address),
        column(_("Told by"), lambda row: row.told_by),
    )
    list_filter = ("kind",)
    list_select_related = ("subscriber",)

    def get_queryset(self, request: Request) -> Any:
        """With a filter everything is shown, else what somebody should look at."""
        rows = super().get_queryset(request)
        return rows if "kind__exact" in request.GET else rows.bad()

    def read_beside(self, rows: list[Any]) -> None:
        messages = SendLedger.objects.filter(pk__in=[row.message_id for row in rows])
        keys = {pk: (kind, of) for pk, kind, of in messages.values_list("pk", "kind", "source_id")}
        sources = Source.objects.filter(source_id__in={source_id for _, source_id in keys.values()})
        names = {(source.kind, source.source_id): source.name for source in sources}
        for row in rows:
            row.source_name = names.get(keys.get(row.message_id, ("", 0)), "–")


class MailboxForm(VerbForm):
    name = forms.CharField(max_length=100)
    protocol = forms.ChoiceField(choices=Mailbox.Protocol.choices)
    host = forms.CharField(max_length=253, label=_("Mail server"))
    port = forms.IntegerField(initial=993, help_text=_("993 for IMAP, 995 for POP3."))
    tls = forms.ChoiceField(
        choices=Transport.Tls.choices, initial=Transport.Tls.IMPLICIT, label=_("Encryption")
    )
    username = forms.CharField(max_length=200)
    password = forms.CharField(
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    folder = forms.CharField(max_length=100, initial="INBOX")
    empties = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Empty it"),
        help_text=_("Leave this off where people read it, too."),
    )


class ChangeForm(MailboxForm):
    password = forms.CharField(
        max_length=200,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Left empty, it stays as it is."),
    )


def _state(row: Mailbox) -> tuple[str, Any]:
    if row.failing_since:
        return "failing", _("Failing")
    return ("verified", _("Works")) if row.read_at else ("unknown", _("Not read yet"))


@admin.register(Mailbox)
class MailboxAdmin(WorkspaceAdmin):
    resource = "delivery"
    hint = _("Where bounces and answers arrive, if no mail server hands them over: read by minute.")
    list_display = (
        "name",
        column(_("Leads to"), lambda row: f"{row.get_protocol_display()} {row.host}:{row.port}"),
        column(_("User"), lambda row: row.username),
        column(_("State"), _state, label=BADGES),
        column(_("Why"), lambda row: row.fault),
        "read_at",
        "empties",
    )
    list_verbs = (create(services.create_mailbox, label=_("New mailbox"), form=MailboxForm),)
    row_verbs = (
        edit(services.update_mailbox, form=ChangeForm),
        Verb(
            services.test_mailbox,
            name="test",
            label=_("Test the connection"),
            icon="cable",
            title=_("Connect and sign in?"),
            sentence=_("Nothing is taken in."),
        ),
        archive(services.archive_mailbox),
    )

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).in_use()
