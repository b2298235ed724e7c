"""What people have sent by forms, and what became of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.columns import BADGES, column
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from subscribers.models import SignUp, Subscription
from subscribers.states import SubscriptionState


@admin.register(SignUp)
class SignUpAdmin(WorkspaceAdmin):
    resource = "subscribers"
    hint = _("What people have sent by your forms, newest first. Nobody gets mail who is pending.")
    list_display = (
        "email",
        "form",
        column(_("State"), lambda row: row.told, label=BADGES),
        column(_("Consent text"), lambda row: f"v{row.consent_version}"),
        column(_("On the page"), lambda row: row.page),
        "at",
    )
    list_filter = ("form",)
    search_fields = ("mailbox__startswith",)
    search_help_text = _("Address starts with …")

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).select_related("form")

    def read_beside(self, rows: list[Any]) -> None:
        """How far each has come: the best of the places that it asked for."""
        people = {row.subscriber_id for row in rows if row.subscriber_id}
        places = Subscription.objects.filter(subscriber__in=people)
        states: dict[int, dict[int, str]] = {}
        for person, to, state in places.values_list("subscriber", "list", "state"):
            states.setdefault(person, {})[to] = state
        for row in rows:
            held = states.get(row.subscriber_id or 0, {})
            row.told = _told(row, {held[to] for to in row.lists if to in held})


def _told(row: SignUp, states: set[str]) -> tuple[str, Any]:
    for state in (SubscriptionState.CONFIRMED, SubscriptionState.PENDING):
        if state in states:
            return state.value, state.label
    if states:
        return SubscriptionState.UNSUBSCRIBED.value, SubscriptionState.UNSUBSCRIBED.label
    return ("skipped", _("Not asked")) if row.taken_at else ("queued", _("Waiting"))
