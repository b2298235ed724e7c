"""What was published of a sequence; an earlier version can become the draft again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.results import Results, by_version
from emailseq.backoffice.columns import NUMBERS, column
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb
from sequences.models import Enrollment, SequenceVersion
from sequences.services.publish import restore
from sequences.states import LIVE_RUN, EnrollmentState

HELD_OUT = EnrollmentState.HELD_OUT


def _people(version: Any) -> str:
    """What became of those who were inside when it was published."""
    transfer = getattr(version, "transfer", None)
    if transfer is None:
        return gettext("stayed")
    done = gettext("%(moved)d moved, %(exited)d left") % {
        "moved": transfer.moved_count,
        "exited": transfer.exited_count,
    }
    return done if transfer.finished_at else gettext("%s so far") % done


def _is_live(version: Any) -> bool:
    return bool(version.sequence.live_version_id == version.pk)


@admin.register(SequenceVersion)
class VersionAdmin(WorkspaceAdmin):
    """Reached from a sequence, whose id the URL then carries as a filter."""

    resource = "sequences"
    hint = _("What was published. People are on the version they came into, unless they moved.")
    list_display = (
        column(_("Version"), lambda row: f"{row.sequence} v{row.number}"),
        column(_("Live"), _is_live, boolean=True),
        "published_at",
        "published_by",
        column(_("Inside"), lambda row: row.inside),
        column(_("Ended"), lambda row: row.ended),
        column(_("Who was inside"), _people),
        *NUMBERS,
    )
    list_select_related = ("sequence", "transfer")
    row_verbs = (
        Verb(
            restore,
            name="restore",
            label=_("Make it the draft"),
            icon="history",
            sentence=_("The draft becomes what “{}” was. Nothing is published by it."),
            done=_("The draft is as “{}” was."),
        ),
    )

    def get_queryset(self, request: Request) -> QuerySet[SequenceVersion]:
        own = SequenceVersion.objects.filter(sequence__workspace=request.workspace)
        return own.select_related("sequence").defer("program", "document").order_by("-pk")

    def has_module_permission(self, request: Request) -> bool:
        return False  # reached from the page of a sequence

    def read_beside(self, rows: list[Any]) -> None:
        counts: dict[int, dict[str, int]] = {}
        numbers: dict[int, Results] = {}
        for sequence in {row.sequence for row in rows}:
            counts |= Enrollment.objects.all().by_version(sequence)
            numbers |= by_version(sequence.pk)
        for row in rows:
            states = counts.get(row.pk, {})
            row.inside = sum(states.get(state, 0) for state in LIVE_RUN)
            row.ended = sum(states.values()) - row.inside - states.get(HELD_OUT, 0)
            row.numbers = numbers.get(row.pk, Results())

    def url_of(self, target: SequenceVersion) -> str:
        return reverse("admin:sequences_sequence_change", args=[target.sequence_id])
