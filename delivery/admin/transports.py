from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from delivery import brakes, esps
from delivery.models import Lane, SenderIdentity, Transport
from delivery.services import transports as services
from delivery.states import MessageClass
from emailseq.backoffice.columns import column, percent, state_badge
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, archive, create, edit, pause, resume
from emailseq.lib import clock


def _number(label: Any, help_text: Any = "") -> forms.IntegerField:
    return forms.IntegerField(required=False, label=label, help_text=help_text)


def _rate(label: Any, help_text: Any = "") -> forms.FloatField:
    return forms.FloatField(required=False, label=label, help_text=help_text)


class TransportForm(VerbForm):
    name = forms.CharField(max_length=100)
    kind = forms.ChoiceField(
        choices=[(Transport.SMTP, "SMTP"), *esps.choices()],
        initial=Transport.SMTP,
        label=_("Hands over to"),
        help_text=_("A mail server, by SMTP, or the API of an ESP."),
    )
    host = forms.CharField(
        max_length=253,
        required=False,
        label=_("Mail server"),
        help_text=_("With an ESP: empty, or its host in another region."),
    )
    port = forms.IntegerField(initial=587)
    tls = forms.ChoiceField(
        choices=Transport.Tls.choices,
        label=_("Encryption"),
        help_text=_("Is demanded: nothing is ever sent in clear instead."),
    )
    username = forms.CharField(
        max_length=200,
        required=False,
        help_text=_("With Postmark a message stream, with Mailgun the domain."),
    )
    password = forms.CharField(
        max_length=4000,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Or the access token, for XOAUTH2, or the API key. Empty leaves it as it is."),
    )
    callback_secret = forms.CharField(
        max_length=4000,
        required=False,
        strip=False,
        label=_("Secret of callbacks"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("With an ESP: USER:PASSWORD, or the key that it signs with."),
    )
    auth = forms.ChoiceField(
        choices=Transport.Auth.choices, required=False, label=_("Way to sign in")
    )
    message_class = forms.ChoiceField(
        choices=[("", _("All messages")), *MessageClass.choices], required=False, label=_("Carries")
    )
    preference = forms.IntegerField(
        initial=10,
        help_text=_("The lowest that is open carries; the others stand by."),
    )
    weight = forms.IntegerField(
        initial=1, help_text=_("Its part of the recipients among those of equal preference.")
    )
    rate = _rate(_("Messages a second"), _("Limits: leave them empty for none."))
    domain_rate = _rate(_("Messages a second to one group of domains"))
    max_connections = _number(_("Connections"), _("Of all senders together."))
    daily = _number(_("Messages a day"))
    warm_up = forms.BooleanField(
        required=False,
        label=_("Warm up"),
        help_text=_("Begin with 50 messages a day to each group of domains, then ever more."),
    )

    def __init__(self, data: Any = None, *, request: Request, target: Any) -> None:
        super().__init__(data, request=request, target=target)
        if target and target.is_shared:  # EMAIL_URL says where it leads
            for name in services.OWN:
                del self.fields[name]
        elif target:
            del self.fields["kind"]
            where = f"{settings.SITE_URL}/esp/{target.public_id}"
            self.fields["callback_secret"].help_text = format_lazy(
                _("USER:PASSWORD, or the key that the ESP signs with. It calls {}"), where
            )
            if not target.esp:
                del self.fields["callback_secret"]


def _health(lane: Lane) -> str:
    return percent(round(100 * lane.brakes.health), 100)


def _per_second(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:,.1f}/s"


def _rate_now(row: Any) -> str:
    return f"{row.stands.pace:,.1f}/s · {_per_second(row.rate)}"


def _today(row: Any) -> str:
    today = row.stands.day_count if row.stands.day == clock.now().date() else 0
    return f"{today:,} · {row.daily:,}" if row.daily else f"{today:,}"


@admin.register(Transport)
class TransportAdmin(WorkspaceAdmin):
    resource = "delivery"
    hint = _(
        "How messages are handed over. A workspace without a transport of its own uses the one "
        "that all share; with one, only its own. Closed lanes are listed under Lanes."
    )
    list_display = (
        "name",
        column(_("Leads to"), lambda row: row.address),
        state_badge,
        column(_("Why"), lambda row: row.stands.reason),
        column(
            _("Healthy answers"), lambda row: percent(round(100 * row.stands.brakes.health), 100)
        ),
        column(_("Rate now · limit"), _rate_now),
        column(_("Today · limit"), _today),
        column(_("Closed lanes"), lambda row: row.closed_count),
        "preference",
        "weight",
    )
    list_verbs = (create(services.create_transport, label=_("New transport"), form=TransportForm),)
    row_verbs = (
        edit(services.update_transport, form=TransportForm),
        Verb(
            services.test_transport,
            name="test",
            label=_("Test the connection"),
            icon="cable",
            title=_("Connect and sign in?"),
            sentence=_("Nothing is sent."),
        ),
        pause(services.pause_transport),
        resume(services.resume_transport, primary=False),
        archive(services.archive_transport),
    )

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).in_use().prefetch_related("lanes__transport")

    def read_beside(self, rows: list[Any]) -> None:
        for row in rows:
            row.stands = row.whole
            row.state, row.get_state_display = row.stands.state, row.stands.get_state_display
            row.closed_count = sum(lane.state != brakes.State.OPEN for lane in row.narrow_lanes)


class ChoiceForm(VerbForm):
    transport = forms.ModelChoiceField(Transport.objects.in_use(), required=False)

    def __init__(self, data: Any = None, *, request: Request, target: SenderIdentity) -> None:
        super().__init__(data, request=request, target=target)
        choice: Any = self.fields["transport"]
        choice.empty_label = _("Any that is open")


CHOOSE = Verb(
    services.choose_transport,
    name="choose_transport",
    label=_("Choose a transport"),
    icon="conveyor_belt",
    form=ChoiceForm,
    sentence=_("It alone carries the messages of {}."),
    submit=_("Save"),
    done=_("Saved."),
)


@admin.register(Lane)
class LaneAdmin(WorkspaceAdmin):
    resource = "delivery"
    hint = _(
        "A transport's way to one group of recipient domains. What costs no message heals by "
        "itself; a lane that is paused waits for you: mend what the server names, then release it."
    )
    list_display = (
        column(_("Transport"), lambda row: row.transport.name),
        column(_("Recipient domains"), lambda row: row.domain_group or _("all")),
        column(_("Class"), lambda row: row.get_message_class_display() or _("all")),
        state_badge,
        column(_("Until"), lambda row: row.until),
        column(_("Why"), lambda row: row.reason),
        column(_("Healthy answers"), _health),
        column(_("Rate now · limit"), lambda row: f"{row.pace:,.1f}/s · {_per_second(row.rate)}"),
        column(_("Today"), lambda row: f"{row.day_count:,}"),
    )
    list_filter = ("state", "message_class")
    list_select_related = ("transport",)
    ordering = ("transport", "message_class", "domain_group")
    row_verbs = (
        Verb(
            services.release_lane,
            name="release",
            label=_("Release"),
            icon="lock_open",
            sentence=_("Messages leave by {} again, and its trouble is forgotten."),
            done=_("“{}” is open."),
        ),
    )
