"""Sequences: a list with their numbers, and a page that reads from the trigger to the end."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Prefetch
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.numbers import Numbers, numbers_by_source, numbers_by_step
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.backoffice.columns import NUMBERS, column, state_badge
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, allows
from emailseq.backoffice.verbs import Verb, archive, create, edit, pause, publish, resume
from sequences import program
from sequences.admin.step import EmailForm, WaitForm, words
from sequences.models import Enrollment, Sequence, SequenceVersion, Trigger
from sequences.program import EmailStep
from sequences.services import edit as draft
from sequences.services import lifecycle
from sequences.services import publish as publishing
from sequences.states import SEQUENCE_MOVES, ReEntry, SequenceState, StepKind
from subscribers.models import List


class SettingsForm(NamedForm):
    guarded = True
    sender = forms.ModelChoiceField(SenderIdentity.objects.all())
    list = forms.ModelChoiceField(
        List.objects.filter(archived_at=None),
        required=False,
        help_text=_("The consent its messages rest on. Without one, any list will do."),
    )
    re_entry = forms.ChoiceField(choices=ReEntry.choices, label=_("Can people return?"))


class TriggerForm(VerbForm):
    guarded = True
    lists = forms.ModelMultipleChoiceField(
        List.objects.filter(archived_at=None),
        required=False,
        label=_("Starts for whoever joins"),
        widget=forms.CheckboxSelectMultiple,
    )
    manual = forms.BooleanField(
        required=False, label=_("Can be started by hand and through the API")
    )

    def values_of(self, target: Sequence) -> dict[str, Any]:
        lists = [trigger.list_id for trigger in target.triggers.all()]
        own = {"lists": [*filter(None, lists)], "manual": None in lists}
        return {**super().values_of(target), **own}


def _sentence(sequence: Sequence) -> str:
    """What starts a sequence, as a person would say it."""
    triggers = sequence.triggers.all()
    lists = [str(trigger.list) for trigger in triggers if trigger.list]
    parts = [gettext("when somebody joins %s") % " or ".join(lists)] if lists else []
    if len(lists) < len(triggers):
        parts.append(gettext("by hand or API"))
    sentence = gettext(", and ").join(parts) or gettext("nothing starts it yet")
    return sentence[0].upper() + sentence[1:]


@admin.register(Sequence)
class SequenceAdmin(WorkspaceAdmin):
    resource = "sequences"
    # Publishing is not among them: it happens again and again, while a sequence is live.
    moves = {name: SEQUENCE_MOVES[name] for name in ("pause", "resume", "archive")}
    hint = _("Messages that start by themselves and follow each person at their pace.")
    list_display = (
        "name",
        state_badge,
        column(_("Starts"), _sentence),
        column(_("Inside"), lambda row: row.people),
        *NUMBERS,
    )
    list_filter = ("state",)
    list_select_related = ("list", "sender", "live_version")
    change_form_template = "sequences/page.html"
    list_verbs = (create(draft.create_sequence, label=_("New sequence"), form=SettingsForm),)
    page_verbs = (
        publish(
            publishing.publish,
            right="sequences:publish",
            sentence=_("The steps become the live version. Who is inside keeps theirs."),
        ),
        pause(
            lifecycle.pause_sequence,
            right="delivery:pause",
            sentence=_("Nothing of “{}” leaves until you resume it. People keep their places."),
        ),
        resume(
            lifecycle.resume_sequence,
            right="delivery:pause",
            sentence=_("What became due while it was paused happens now."),
        ),
        edit(draft.update, label=_("Settings"), icon="settings", form=SettingsForm),
        archive(
            lifecycle.archive_sequence,
            sentence=_("Everybody inside “{}” leaves it, and it cannot be started again."),
        ),
    )
    inner_verbs = (
        edit(
            draft.set_triggers,
            name="set_triggers",
            label=_("Change what starts it"),
            form=TriggerForm,
            done=_("Saved. This counts from now on."),
        ),
        Verb(
            partial(draft.add_step, kind=StepKind.EMAIL),
            name="add_email",
            label=_("Add an email"),
            icon="mail",
            form=EmailForm,
            done=_("Added. It counts from the next publishing on."),
        ),
        Verb(
            partial(draft.add_step, kind=StepKind.WAIT),
            name="add_wait",
            label=_("Add a wait"),
            icon="schedule",
            form=WaitForm,
            done=_("Added. It counts from the next publishing on."),
        ),
    )

    def get_queryset(self, request: Request) -> Any:
        triggers = Trigger.objects.select_related("list").order_by("id")
        return super().get_queryset(request).prefetch_related(Prefetch("triggers", triggers))

    def is_open(self, target: Sequence) -> bool:
        return target.state != SequenceState.ARCHIVED

    def read_beside(self, rows: list[Any]) -> None:
        numbers = numbers_by_source(SourceKind.SEQUENCE, [row.pk for row in rows])
        inside = Enrollment.objects.live().filter(sequence__in=rows).values_list("sequence")
        people = dict(inside.annotate(Count("pk")))
        for row in rows:
            row.numbers, row.people = numbers[row.pk], people.get(row.pk, 0)

    def page_context(self, request: Request, target: Sequence) -> dict[str, Any]:
        numbers = numbers_by_step(SourceKind.SEQUENCE, target.pk)
        waiting = Enrollment.objects.waiting_by_step(target)
        steps: list[Any] = list(target.steps.select_related("template"))
        for step in steps:
            step.numbers = numbers.get(step.key, Numbers())
            step.waiting = waiting.get(step.key, 0)
            step.words = words(step)
        return {
            "sequence": target,
            "starts": _sentence(target),
            "steps": steps,
            "inside": sum(waiting.values()),
            "may_see_people": allows(request, "subscribers:read"),
            "numbers": numbers_by_source(SourceKind.SEQUENCE, [target.pk])[target.pk],
            "differs": target.live_version and _differs(steps, target.live_version),
            "may_write": self.may_write(request, target),
        }


def _differs(steps: list[Any], version: SequenceVersion) -> bool:
    """Whether publishing these steps would change what is live."""
    live = [
        (step.key, step.template_version_id if isinstance(step, EmailStep) else step.delay)
        for step in program.load(version.program).steps
    ]
    return live != [
        (step.key, step.template.published_version_id if step.template else step.delay)
        for step in steps
    ]
