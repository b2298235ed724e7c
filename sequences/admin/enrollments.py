"""People's ways through sequences, and what can be done to a single one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from emailseq.backoffice.columns import column, state_badge, subscriber_link
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.verbs import Verb, pause, resume
from emailseq.lib.errors import Conflict
from sequences.admin.words import step_words
from sequences.models import Enrollment, Step
from sequences.services import lifecycle


def _one(verb: Callable[..., int]) -> Callable[..., None]:
    """A verb on runs as one on a single run. Raises Conflict when the run's state forbids it."""

    def act(run: Enrollment, *, by: Actor) -> None:
        if not verb(Enrollment.objects.filter(pk=run.pk), by=by):
            raise Conflict(gettext("Its state does not allow that."))

    return act


@admin.register(Enrollment)
class EnrollmentAdmin(WorkspaceAdmin):
    """Reached from a sequence, whose id the URL then carries as a filter."""

    resource = "subscribers"  # its rows name people, whom not every author may see
    hint = _("One row per run: who is inside, how far, and when they go on.")
    list_display = (
        subscriber_link,
        "sequence",
        state_badge,
        column(_("Stands at"), lambda run: run.stands_at),
        "started_at",
        "due_at",
        "reason",
    )
    list_select_related = ("subscriber", "sequence")
    list_filter = ("state",)
    row_verbs = (
        pause(_one(lifecycle.pause), right="sequences:write"),
        resume(_one(lifecycle.resume), right="sequences:write"),
        Verb(
            _one(lifecycle.exit),
            name="exit",
            label=_("End"),
            right="sequences:write",
            icon="logout",
            done=_("“{}” has ended."),
        ),
    )

    def read_beside(self, rows: list[Any]) -> None:
        places = {(row.sequence_id, row.position.partition("/")[0]) for row in rows}
        steps = Step.objects.filter(
            sequence__in={sequence for sequence, _ in places}, key__in={key for _, key in places}
        ).select_related("template")
        names = {(step.sequence_id, step.key): step_words(step) for step in steps}
        for row in rows:
            row.stands_at = names.get((row.sequence_id, row.position.partition("/")[0]), "")
