from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from emailseq.backoffice.columns import column, state_badge, subscriber_link
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin, verb
from emailseq.backoffice.pages import Request
from sequences.admin.step import words
from sequences.models import Enrollment, Step
from sequences.services import lifecycle


@admin.register(Enrollment)
class EnrollmentAdmin(WorkspaceAdmin):
    """Reached from a sequence, whose id the URL then carries as a filter."""

    resource = "subscribers"  # its rows name people, whom not every author may see
    hint = gettext_lazy("One row per run: who is inside, how far, and when they go on.")
    list_display = (
        subscriber_link,
        "sequence",
        state_badge,
        column(gettext_lazy("Stands at"), lambda run: run.stands_at),
        "started_at",
        "due_at",
        "reason",
    )
    list_display_links = None
    list_select_related = ("subscriber", "sequence")
    list_filter = ("state",)
    actions_row = ("pause", "resume", "exit")

    def read_beside(self, rows: list[Any]) -> None:
        keys = {row.position for row in rows}
        steps = Step.objects.filter(key__in=keys).select_related("template")
        names = {step.key: words(step) for step in steps}
        for row in rows:
            row.stands_at = names.get(row.position, "")

    def lookup_allowed(self, lookup: str, value: str, request: Request | None = None) -> bool:
        return lookup == "sequence__id__exact" or super().lookup_allowed(lookup, value, request)

    @verb(gettext_lazy("Pause"), right="sequences:write", icon="pause")
    def pause(self, request: Request, form: VerbForm, target: Enrollment) -> HttpResponse:
        return self._counted(request, lifecycle.pause(_only(target), by=request.actor))

    @verb(gettext_lazy("Resume"), right="sequences:write", icon="play_arrow")
    def resume(self, request: Request, form: VerbForm, target: Enrollment) -> HttpResponse:
        return self._counted(request, lifecycle.resume(_only(target), by=request.actor))

    @verb(gettext_lazy("End"), right="sequences:write", icon="logout")
    def exit(self, request: Request, form: VerbForm, target: Enrollment) -> HttpResponse:
        return self._counted(request, lifecycle.exit(_only(target), by=request.actor))

    def _counted(self, request: Request, count: int) -> HttpResponse:
        return self.done(request, _("Done.") if count else _("Its state does not allow that."))


def _only(run: Enrollment) -> Any:
    return Enrollment.objects.filter(pk=run.pk)
