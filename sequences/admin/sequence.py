"""Sequences: a list with their numbers, and a page that reads from the trigger to the end."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.numbers import Numbers, numbers_by_source, numbers_by_step
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.backoffice.columns import NUMBERS, column, percent, state_badge
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin, verb
from emailseq.backoffice.pages import Request, allows
from sequences import program
from sequences.admin.step import EmailForm, WaitForm, words
from sequences.models import Enrollment, Sequence, SequenceVersion, Trigger
from sequences.program import EmailStep
from sequences.services import edit, lifecycle, publish
from sequences.states import SEQUENCE_MOVES, ReEntry, SequenceState, StepKind
from subscribers.models import List


class SettingsForm(NamedForm):
    sender = forms.ModelChoiceField(SenderIdentity.objects.all())
    list = forms.ModelChoiceField(
        List.objects.filter(archived_at=None),
        required=False,
        help_text=gettext_lazy("The consent its messages rest on. Without one, any list will do."),
    )
    re_entry = forms.ChoiceField(choices=ReEntry.choices, label=gettext_lazy("Can people return?"))


class EditForm(SettingsForm):
    revision = forms.IntegerField(widget=forms.HiddenInput)


class TriggerForm(VerbForm):
    lists = forms.ModelMultipleChoiceField(
        List.objects.filter(archived_at=None),
        required=False,
        label=gettext_lazy("Starts for whoever joins"),
        widget=forms.CheckboxSelectMultiple,
    )
    manual = forms.BooleanField(
        required=False, label=gettext_lazy("Can be started by hand and through the API")
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def values_of(self, target: Sequence) -> dict[str, Any]:
        triggers = list(target.triggers.all())
        return {
            "lists": [trigger.list_id for trigger in triggers if trigger.list_id],
            "manual": any(trigger.list_id is None for trigger in triggers),
            "revision": target.revision,
        }


class PublishForm(VerbForm):
    def sentence(self) -> str:
        return _("The steps become the live version. Who is inside keeps the version they are on.")


class PauseForm(VerbForm):
    def sentence(self) -> str:
        return (
            _("Nothing of “%s” leaves until you resume it. People keep their places.") % self.target
        )


class ResumeForm(VerbForm):
    def sentence(self) -> str:
        return _("What became due while it was paused happens now.")


class ArchiveForm(VerbForm):
    def sentence(self) -> str:
        return _("Everybody inside “%s” leaves it, and it cannot be started again.") % self.target


@admin.register(Sequence)
class SequenceAdmin(WorkspaceAdmin):
    resource = "sequences"
    moves = SEQUENCE_MOVES
    hint = gettext_lazy("Messages that start by themselves and follow each person at their pace.")
    list_display = (
        "name",
        state_badge,
        column(gettext_lazy("Starts"), lambda row: row.sentence),
        column(gettext_lazy("Inside"), lambda row: row.people),
        *NUMBERS,
    )
    list_filter = ("state",)
    list_select_related = ("list", "sender", "live_version")
    change_form_template = "sequences/page.html"
    actions_list = ("create",)
    actions_detail = (
        "publish",
        "pause",
        "resume",
        "edit",
        "archive",
        "set_triggers",
        "add_email",
        "add_wait",
    )

    def offers(self, verb: str, target: Sequence) -> bool:
        if target.state == SequenceState.ARCHIVED:
            return False
        return verb == "publish" or super().offers(
            verb, target
        )  # again and again, while it is live

    def read_beside(self, rows: list[Any]) -> None:
        numbers = numbers_by_source(SourceKind.SEQUENCE, [row.pk for row in rows])
        inside = Enrollment.objects.live().filter(sequence__in=rows).values_list("sequence")
        people = dict(inside.annotate(Count("pk")))
        triggers = _triggers(rows)
        for row in rows:
            row.numbers, row.people = numbers[row.pk], people.get(row.pk, 0)
            row.sentence = _sentence(triggers[row.pk])

    def page_context(self, request: Request, target: Sequence) -> dict[str, Any]:
        numbers = numbers_by_step(SourceKind.SEQUENCE, target.pk)
        waiting = Enrollment.objects.waiting_by_step(target)
        steps: list[Any] = list(target.steps.select_related("template"))
        for step in steps:
            step.numbers = numbers.get(step.key, Numbers())
            step.opened = percent(step.numbers.opened, step.numbers.sent)
            step.clicked = percent(step.numbers.clicked, step.numbers.sent)
            step.waiting = waiting.get(step.key, 0)
            step.words = words(step)
        total = numbers_by_source(SourceKind.SEQUENCE, [target.pk])[target.pk]
        return {
            "sequence": target,
            "starts": _sentence(_triggers([target])[target.pk]),
            "steps": steps,
            "inside": sum(waiting.values()),
            "may_see_people": allows(request, "subscribers:read"),
            "numbers": total,
            "opened": percent(total.opened, total.sent),
            "clicked": percent(total.clicked, total.sent),
            "differs": target.live_version and _differs(steps, target.live_version),
            "may_write": allows(request, "sequences:write")
            and target.state != SequenceState.ARCHIVED,
        }

    @verb(
        gettext_lazy("New sequence"),
        right="sequences:write",
        icon="add",
        form=SettingsForm,
        primary=True,
        submit=gettext_lazy("Create"),
    )
    def create(self, request: Request, form: VerbForm, target: None) -> HttpResponse:
        made = edit.create_sequence(request.workspace, by=request.actor, **form.cleaned_data)
        return self.done(request, _("“%s” is a draft: add its steps.") % made, at=made)

    @verb(
        gettext_lazy("Settings"),
        right="sequences:write",
        icon="settings",
        form=EditForm,
        submit=gettext_lazy("Save"),
    )
    def edit(self, request: Request, form: VerbForm, target: Sequence) -> HttpResponse:
        changes = dict(form.cleaned_data)
        revision = changes.pop("revision")
        edit.update(target, by=request.actor, expected_revision=revision, **changes)
        return self.done(request, _("Saved."), at=target)

    @verb(
        gettext_lazy("Change what starts it"),
        right="sequences:write",
        icon="bolt",
        form=TriggerForm,
        in_header=False,
        submit=gettext_lazy("Save"),
    )
    def set_triggers(self, request: Request, form: VerbForm, target: Sequence) -> HttpResponse:
        edit.set_triggers(
            target,
            lists=form.cleaned_data["lists"],
            manual=form.cleaned_data["manual"],
            by=request.actor,
            expected_revision=form.cleaned_data["revision"],
        )
        return self.done(request, _("Saved. This counts from now on."), at=target)

    @verb(
        gettext_lazy("Add an email"),
        right="sequences:write",
        icon="mail",
        form=EmailForm,
        in_header=False,
    )
    def add_email(self, request: Request, form: EmailForm, target: Sequence) -> HttpResponse:
        edit.add_step(target, kind=StepKind.EMAIL, by=request.actor, **form.settings())
        return self.done(request, _("Added. It counts from the next publishing on."), at=target)

    @verb(
        gettext_lazy("Add a wait"),
        right="sequences:write",
        icon="schedule",
        form=WaitForm,
        in_header=False,
    )
    def add_wait(self, request: Request, form: WaitForm, target: Sequence) -> HttpResponse:
        edit.add_step(target, kind=StepKind.WAIT, by=request.actor, **form.settings())
        return self.done(request, _("Added. It counts from the next publishing on."), at=target)

    @verb(
        gettext_lazy("Publish"),
        right="sequences:publish",
        icon="rocket_launch",
        form=PublishForm,
        primary=True,
    )
    def publish(self, request: Request, form: VerbForm, target: Sequence) -> HttpResponse:
        publish.publish(target, by=request.actor)
        return self.done(request, _("“%s” is live.") % target, at=target)

    @verb(gettext_lazy("Pause"), right="delivery:pause", icon="pause", form=PauseForm)
    def pause(self, request: Request, form: VerbForm, target: Sequence) -> HttpResponse:
        lifecycle.pause_sequence(target, by=request.actor)
        return self.done(request, _("“%s” is paused.") % target, at=target)

    @verb(
        gettext_lazy("Resume"),
        right="delivery:pause",
        icon="play_arrow",
        form=ResumeForm,
        primary=True,
    )
    def resume(self, request: Request, form: VerbForm, target: Sequence) -> HttpResponse:
        lifecycle.resume_sequence(target, by=request.actor)
        return self.done(request, _("“%s” goes on.") % target, at=target)

    @verb(gettext_lazy("Archive"), right="sequences:write", icon="archive", form=ArchiveForm)
    def archive(self, request: Request, form: VerbForm, target: Sequence) -> HttpResponse:
        lifecycle.archive_sequence(target, by=request.actor)
        return self.done(request, _("“%s” is archived.") % target, at=target)


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


def _triggers(rows: list[Sequence]) -> dict[int, list[Trigger]]:
    triggers: dict[int, list[Trigger]] = defaultdict(list)
    for trigger in Trigger.objects.filter(sequence__in=rows).select_related("list").order_by("id"):
        triggers[trigger.sequence_id].append(trigger)
    return triggers


def _sentence(triggers: list[Trigger]) -> str:
    """What starts a sequence, as a person would say it."""
    lists = [str(trigger.list) for trigger in triggers if trigger.list]
    parts = [_("when somebody joins %s") % " or ".join(lists)] if lists else []
    if len(lists) < len(triggers):
        parts.append(_("by hand or API"))
    sentence = _(", and ").join(parts) or _("nothing starts it yet")
    return sentence[0].upper() + sentence[1:]
