from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from delivery.models import WebhookAttempt, WebhookCall, WebhookEndpoint
from delivery.services import webhooks as services
from delivery.states import CALL_MOVES, ENDPOINT_MOVES
from emailseq.backoffice.columns import column, state_badge
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, create, edit


class EndpointForm(VerbForm):
    url = forms.CharField(max_length=500, label="URL")
    types = forms.CharField(
        label=_("Event types"),
        initial="*",
        help_text=_("With spaces between: message.sent, message.*, custom.order_placed, or *."),
    )
    thin = forms.BooleanField(required=False, label=_("Ids only, no personal data"))

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        return {**given, "types": given["types"].replace(",", " ").split()}


def _replay(call: WebhookCall, **arguments: Any) -> None:
    services.replay(WebhookCall.objects.filter(pk=call.pk), **arguments)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(WorkspaceAdmin):
    resource = "webhooks"
    hint = _("Where other programs hear what happens here, by signed calls.")
    list_display = (
        "url",
        column(_("Event types"), lambda row: ", ".join(row.types)),
        state_badge,
        column(_("Why"), lambda row: row.disabled_reason),
        column(_("Last success"), lambda row: row.succeeded_at),
        column(_("Failing since"), lambda row: row.failing_since),
    )
    moves = ENDPOINT_MOVES
    list_verbs = (create(services.create_endpoint, label=_("New webhook"), form=EndpointForm),)
    row_verbs = (
        edit(services.update_endpoint, form=EndpointForm),
        Verb(
            services.send_test,
            name="test",
            label=_("Send a test"),
            icon="send",
            title=_("Call it with a test?"),
            done=_("The call is on its way: see the webhook calls."),
        ),
        Verb(
            services.rotate_secret,
            name="rotate_secret",
            label=_("New secret"),
            icon="key",
            title=_("Give it a new secret?"),
            sentence=_("Calls are signed with the old one, too, for 24 hours."),
        ),
        Verb(services.disable_endpoint, name="disable", label=_("Disable"), icon="pause"),
        Verb(services.enable_endpoint, name="enable", label=_("Enable"), icon="play_arrow"),
    )

    def done(self, request: Request, verb: Verb, target: Any, result: Any) -> HttpResponse:
        """A secret is shown at once: nobody can read it later."""
        if verb.name not in ("create", "rotate_secret"):
            return super().done(request, verb, target, result)
        secret = result[1] if verb.name == "create" else result
        return render(request, "delivery/new_secret.html", {"secret": secret})


def _last_answer(call: Any) -> str:
    return call.last.answer[:200] if call.last else ""


@admin.register(WebhookCall)
class WebhookCallAdmin(WorkspaceAdmin):
    resource = "webhooks"
    hint = _("Every call of the last 30 days, and what the receiver answered last.")
    list_display = (
        "created_at",
        "type",
        column(_("URL"), lambda row: row.endpoint.url),
        state_badge,
        column(_("Tries"), lambda row: row.attempt_count),
        column(_("Status"), lambda row: row.last.status if row.last else ""),
        column(_("Answer"), _last_answer),
    )
    list_filter = ("state",)
    list_select_related = ("endpoint",)
    moves = CALL_MOVES
    row_verbs = (
        Verb(
            _replay,
            name="replay",
            label=_("Call again"),
            icon="replay",
            title=_("Make this call again?"),
            sentence=_("With the same id and body; receivers know by the id that it is the same."),
            done=_("It is due again."),
        ),
    )

    def read_beside(self, rows: list[Any]) -> None:
        attempts = WebhookAttempt.objects.filter(call__in=[row.pk for row in rows])
        last = {attempt.call_id: attempt for attempt in attempts.order_by("pk")}
        for row in rows:
            row.last = last.get(row.pk)
