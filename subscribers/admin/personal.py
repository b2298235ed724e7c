"""What people have a right to, in the back office: a break, a copy, a proof, to be forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from delivery.models import Confirmation
from delivery.services import personal, preferences
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.pages import Request, require
from emailseq.backoffice.verbs import Verb
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from subscribers import dossier
from subscribers.models import ConsentEntry, SignUp, Subscriber

BREAKS = [(30, _("30 days")), (60, _("60 days")), (90, _("90 days")), (0, _("End the break"))]


class BreakForm(VerbForm):
    days = forms.TypedChoiceField(
        choices=BREAKS, coerce=int, label=_("For how long?"), widget=forms.Select
    )


class EraseForm(VerbForm):
    address = forms.CharField(
        max_length=254,
        label=_("Type their address"),
        help_text=_("So that it is nobody else who is forgotten."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )


def _snooze(person: Subscriber, *, days: int, by: Actor) -> None:
    until = clock.now() + timedelta(days=days) if days else None
    preferences.snooze(person, until=until, by=by)


def _erase(person: Subscriber, *, address: str, by: Actor) -> str:
    if address.strip().casefold() != person.email.casefold():
        raise Invalid.field("address", "mismatch", str(_("This is not their address.")))
    personal.erase(person, by=by)
    return str(_("They are forgotten, and stay unmailed."))


VERBS = (
    Verb(
        _snooze,
        name="snooze",
        label=_("Take a break"),
        icon="snooze",
        form=BreakForm,
        sentence=_("No marketing reaches {} meanwhile: sequences wait, campaigns leave them out."),
        done=_("Saved."),
    ),
    Verb(
        _erase,
        name="erase",
        label=_("Erase"),
        icon="delete_forever",
        right="subscribers:erase",
        form=EraseForm,
        sentence=_("Forget {} for good. Nobody can undo it."),
    ),
)


def export(request: Request, person: Subscriber) -> StreamingHttpResponse:
    """Everything that is stored of somebody, as a file."""
    require(request, "exports:create")
    answer = StreamingHttpResponse(
        personal.export(person, by=request.actor), content_type="application/zip"
    )
    answer["Content-Disposition"] = f'attachment; filename="{dossier.file_name(person)}"'
    return answer


def proof(request: Request, person: Subscriber) -> HttpResponse:
    """What somebody has agreed to, and how that is known: a page to be printed."""
    require(request, "subscribers:read")
    ledger = ConsentEntry.objects.filter(subscriber=person).select_related("list")
    sign_ups = SignUp.objects.filter(subscriber=person).select_related("form")
    context: dict[str, Any] = {
        "person": person,
        "workspace": request.workspace,
        "ledger": ledger.order_by("id"),
        "sign_ups": sign_ups.order_by("id"),
        "confirmations": Confirmation.objects.filter(subscriber=person).order_by("id"),
        "now": clock.now(),
    }
    return render(request, "subscribers/proof.html", context)
