"""Sequences: a list with their numbers, and a page that reads from what starts one to its end."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch
from django.urls import URLPattern, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from analytics.numbers import numbers_by_source
from delivery import services as delivery
from delivery.admin.specimens import sends_test
from delivery.states import SourceKind
from emailseq.backoffice.columns import NUMBERS, column, state_badge
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, allows
from emailseq.backoffice.verbs import Verb, archive, create, pause
from emailseq.backoffice.verbs import edit as edit_verb
from emailseq.backoffice.verbs import publish as publish_verb
from sequences import draft, models, versions
from sequences.admin import backfills, insight, recipes, start_forms
from sequences.admin.cards import Deck, holdout_words
from sequences.admin.publishing import PublishForm, publish
from sequences.admin.resuming import RESUME
from sequences.admin.start_forms import (
    CopyForm,
    EndingForm,
    IndexForm,
    NewSequenceForm,
    SettingsForm,
    TriggerForm,
)
from sequences.admin.step_forms import FORMS
from sequences.admin.words import ICONS, Speaker, trigger_words
from sequences.models import Enrollment, Trigger
from sequences.results import report
from sequences.services import edit, lifecycle, trials
from sequences.specimens import try_sequence
from sequences.states import OPEN, SEQUENCE_MOVES, SequenceState, StepKind

ADDED = _("Added. It counts from the next publishing on.")
AT_ONCE = _("Saved. This counts from now on.")
ADD = {
    StepKind.EMAIL: _("Email"),
    StepKind.WAIT: _("Wait"),
    StepKind.WAIT_UNTIL: _("Wait for something"),
    StepKind.BRANCH: _("Branch"),
    StepKind.SPLIT: _("Split by chance"),
    StepKind.ACTION: _("Action"),
    StepKind.EXIT: _("End"),
}


def _starts(sequence: models.Sequence) -> str:
    """What starts a sequence, as a person would say it."""
    said = [trigger_words(trigger) for trigger in sequence.triggers.all()]
    return " · ".join([*said, gettext("By hand or API")])


def _undo(sequence: models.Sequence, *, by: Actor) -> str:
    edit.undo(sequence, by=by)
    return gettext("The steps are as they were before.")


def _add(kind: StepKind) -> Verb:
    return Verb(
        partial(edit.add_step, kind=kind),
        name=f"add_{kind}",
        label=ADD[kind],
        icon=ICONS[kind],
        form=FORMS[kind],
        done=ADDED,
    )


@admin.register(models.Sequence)
class SequenceAdmin(WorkspaceAdmin):
    resource = "sequences"
    # Publishing is not among them: it happens again and again, while a sequence is live.
    moves = {name: SEQUENCE_MOVES[name] for name in ("pause", "resume", "archive")}
    hint = _("Messages that start by themselves and follow each person at their pace.")
    list_display = (
        "name",
        state_badge,
        column(_("Starts"), _starts),
        column(_("Inside"), lambda row: row.people),
        *NUMBERS,
    )
    list_filter = ("state",)
    list_select_related = ("list", "sender", "live_version")
    change_form_template = "sequences/page.html"
    list_verbs = (
        create(edit.create_sequence, label=_("New sequence"), form=NewSequenceForm),
        recipes.CREATE,
    )
    page_verbs = (
        publish_verb(
            publish,
            right="sequences:publish",
            form=PublishForm,
            template="sequences/publish.html",
        ),
        pause(
            lifecycle.pause_sequence,
            right="delivery:pause",
            sentence=_("Nothing of “{}” leaves until you resume it. People keep their places."),
        ),
        RESUME,
        edit_verb(edit.update, label=_("Settings"), icon="settings", form=SettingsForm),
        sends_test(try_sequence),
        Verb(
            edit.duplicate_sequence,
            name="duplicate",
            label=_("Duplicate"),
            icon="content_copy",
            form=CopyForm,
            done=_("“{}” is there."),
        ),
        archive(
            lifecycle.archive_sequence,
            sentence=_("Everybody inside “{}” leaves it, and it cannot be started again."),
        ),
    )
    inner_verbs = (
        *map(_add, StepKind),
        *backfills.VERBS,
        Verb(_undo, name="undo", label=_("Undo"), icon="undo"),
        Verb(
            start_forms.add_trigger,
            name="add_trigger",
            label=_("Add what starts it"),
            icon="bolt",
            form=TriggerForm,
            done=AT_ONCE,
        ),
        Verb(
            start_forms.remove_trigger,
            name="remove_trigger",
            label=_("Remove what starts it"),
            icon="delete",
            form=IndexForm,
            done=AT_ONCE,
        ),
        Verb(
            start_forms.add_ending,
            name="add_ending",
            label=_("Add a goal or an exit"),
            icon="flag",
            form=EndingForm,
            done=AT_ONCE,
        ),
        Verb(
            start_forms.remove_ending,
            name="remove_ending",
            label=_("Remove a goal or an exit"),
            icon="delete",
            form=IndexForm,
            done=AT_ONCE,
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        return [*insight.urls(self), *super().get_urls()]

    def get_queryset(self, request: Request) -> Any:
        triggers = Prefetch("triggers", Trigger.objects.select_related("list", "tag", "segment"))
        rows = super().get_queryset(request).select_related("workspace", *self.list_select_related)
        return rows.prefetch_related(triggers, "endings")

    def is_open(self, target: models.Sequence) -> bool:
        return target.state != SequenceState.ARCHIVED

    def read_beside(self, rows: list[Any]) -> None:
        numbers = numbers_by_source(SourceKind.SEQUENCE, [row.pk for row in rows])
        people = Enrollment.objects.filter(sequence__in=rows).inside_by_sequence()
        for row in rows:
            row.numbers, row.people = numbers[row.pk], people.get(row.pk, 0)

    def page_context(self, request: Request, target: models.Sequence) -> dict[str, Any]:
        nodes, endings = draft.read(target), target.endings.all()
        speaker = Speaker(target, nodes, endings)
        found = report(target, nodes=nodes)
        deck = Deck(speaker, found, trials.standings(target))
        return {
            "sequence": target,
            "triggers": [trigger_words(trigger) for trigger in target.triggers.all()],
            "terms": speaker.terms(),
            "endings": [(each, speaker.when(each.when)) for each in endings],
            "row": deck.row(nodes),
            "adders": self._adders(target),
            "inside": found.inside,
            "may_see_people": allows(request, "subscribers:read"),
            "numbers": found.total,
            "runs": found.runs,
            "holdout": holdout_words(found) if found.all_runs.held_out else "",
            "differs": target.live_version and bool(versions.difference(target, nodes)),
            "may_write": self.may_write(request, target),
            "may_decide": allows(request, "sequences:publish"),
            "may_undo": target.earlier_drafts.exists(),
            "held_reason": delivery.held_reason(**target.source),
            "backfill": backfills.running(target),
            "may_let_in": target.state in OPEN and allows(request, "sequences:publish"),
            **insight.offered(request),
        }

    def _adders(self, target: models.Sequence) -> list[tuple[str, Any, str]]:
        """What can be added to a row: where its form is, what it is called, its icon."""
        return [
            (reverse(f"admin:sequences_sequence_add_{kind}", args=[target.pk]), label, ICONS[kind])
            for kind, label in ADD.items()
        ]
