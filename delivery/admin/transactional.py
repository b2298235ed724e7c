from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from delivery.models import TransactionalMessage
from delivery.services.transactional import cancel_transactional, retry_transactional
from delivery.states import MessageState
from emailseq.backoffice.columns import BADGES, column, subscriber_link
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb


def _state(row: Any) -> tuple[str, Any]:
    return row.state, dict(MessageState.choices).get(row.state, "–")


@admin.register(TransactionalMessage)
class TransactionalMessageAdmin(WorkspaceAdmin):
    resource = "delivery"
    hint = _("What programs have asked to be sent to one person, and what became of it.")
    list_display = (
        "created_at",
        subscriber_link,
        column(_("Template"), lambda row: row.template.name),
        column(_("State"), _state, label=BADGES),
        column(_("Reason"), lambda row: row.reason),
        column(_("Finished"), lambda row: row.finished_at or "–"),
    )
    list_select_related = ("subscriber", "template")
    row_verbs = (
        Verb(
            cancel_transactional,
            name="cancel",
            label=_("Cancel"),
            icon="cancel",
            title=_("Cancel this message?"),
            done=_("Cancelled, unless it was on its way."),
        ),
        Verb(
            retry_transactional,
            name="retry",
            label=_("Send it again"),
            icon="send",
            title=_("Send again what was not sent?"),
            done=_("It is queued again."),
        ),
    )

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).with_state()
