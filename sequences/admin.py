"""Sequences: a list with their numbers, a page that reads from the trigger to the end, its runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from analytics.numbers import Numbers, numbers_by_source, numbers_by_step
from delivery import services as delivery
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.backoffice.columns import NUMBERS, column, state_badge, subscriber_link
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, allows
from emailseq.backoffice.verbs import Verb, archive, create, edit, pause, publish, resume
from emailseq.lib.errors import Conflict
from sequences import program
from sequences.draft import trigger_document
from sequences.models import Enrollment, Sequence, SequenceVersion, Step, Trigger
from sequences.program import EmailStep, WaitStep
from sequences.schedule import Delay
from sequences.services import edit as draft
from sequences.services import lifecycle
from sequences.services import publish as publishing
from sequences.states import SEQUENCE_MOVES, ReEntry, SequenceState, StepKind, TriggerKind
from subscribers.models import List
from templates_app.models import Template

UNITS = {"days": _("days"), "hours": _("hours"), "minutes": _("minutes"), "seconds": _("seconds")}


class EmailForm(VerbForm):
    template = forms.ModelChoiceField(Template.objects.filter(archived_at=None))


class WaitForm(VerbForm):
    amount = forms.IntegerField(min_value=1, initial=1, label=_("How long?"))
    unit = forms.ChoiceField(choices=list(UNITS.items()))

    def values_of(self, target: Any) -> dict[str, Any]:
        if not isinstance(target, Step) or target.delay is None:
            return {}
        amount, unit = _in_units(target.delay)
        return {"amount": amount, "unit": unit}

    def arguments(self) -> dict[str, Any]:
        return {"delay": timedelta(**{self.cleaned_data["unit"]: self.cleaned_data["amount"]})}


def words(step: Step) -> str:
    """What a step does, as a person would say it."""
    if step.delay is None:
        return _("Send %s") % step.template
    amount, unit = _in_units(step.delay)
    return _("Wait %(amount)d %(unit)s") % {"amount": amount, "unit": UNITS[unit]}


def _in_units(delay: timedelta) -> tuple[int, str]:
    """A delay in the largest unit that leaves no rest: 36 hours, 2 days."""
    unit = next(unit for unit in UNITS if not delay % timedelta(**{unit: 1}))
    return delay // timedelta(**{unit: 1}), unit


def _form(data: Any, *, request: Request, target: Step) -> VerbForm:
    kind = EmailForm if target.kind == StepKind.EMAIL else WaitForm
    return kind(data, request=request, target=target)


def _up(step: Step, *, by: Actor) -> Step:
    return draft.move_step(step, to=step.position - 1, by=by)


def _down(step: Step, *, by: Actor) -> Step:
    return draft.move_step(step, to=step.position + 1, by=by)


@admin.register(Step)
class StepAdmin(WorkspaceAdmin):
    """No page of its own: the verbs behind the buttons on a sequence's page."""

    resource = "sequences"
    ordering = ("position",)
    page_verbs = (
        edit(draft.update_step, label=_("Change step"), form=_form),
        Verb(_up, name="up", label=_("Move up"), icon="arrow_upward", done=_("Moved.")),
        Verb(_down, name="down", label=_("Move down"), icon="arrow_downward", done=_("Moved.")),
        Verb(
            draft.remove_step,
            name="remove",
            label=_("Remove"),
            icon="delete",
            title=_("Remove this step?"),
            done=_("Removed. Who is inside goes on with it."),
        ),
    )

    def get_queryset(self, request: Request) -> QuerySet[Step]:
        own = Step.objects.filter(sequence__workspace=request.workspace)
        return own.select_related("sequence", "template")

    def has_module_permission(self, request: Request) -> bool:
        return False  # no list of steps: a sequence shows its own

    def url_of(self, target: Step) -> str:
        return reverse("admin:sequences_sequence_change", args=[target.sequence_id])


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

    def values_of(self, target: Sequence) -> dict[str, Any]:
        return {**super().values_of(target), "lists": List.objects.filter(starts__sequence=target)}

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        lists = given.pop("lists")
        others = Trigger.objects.filter(sequence=cast("Sequence", self.target))
        kept = [trigger_document(each) for each in others.exclude(kind=TriggerKind.LIST_JOINED)]
        joined = [{"kind": TriggerKind.LIST_JOINED, "list": each} for each in lists]
        return {**given, "triggers": [*joined, *kept]}


def _sentence(sequence: Sequence) -> str:
    """What starts a sequence, as a person would say it."""
    lists = [str(trigger.list) for trigger in sequence.triggers.all() if trigger.list]
    if not lists:
        return gettext("By hand or API")
    return gettext("When somebody joins %s, and by hand or API") % " or ".join(lists)


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
        triggers = Prefetch("triggers", Trigger.objects.order_by("id").select_related("list"))
        return super().get_queryset(request).prefetch_related(triggers)

    def is_open(self, target: Sequence) -> bool:
        return target.state != SequenceState.ARCHIVED

    def read_beside(self, rows: list[Any]) -> None:
        numbers = numbers_by_source(SourceKind.SEQUENCE, [row.pk for row in rows])
        people = Enrollment.objects.filter(sequence__in=rows).inside_by_sequence()
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
            "held_reason": delivery.held_reason(**target.source),
        }


def _differs(steps: list[Any], version: SequenceVersion) -> bool:
    """Whether publishing these steps would change what is live."""
    live = program.load(version.program)
    return live.steps != tuple(
        EmailStep(step.key, step.template.published_version_id)
        if step.template
        else WaitStep(step.key, Delay(step.delay))
        for step in steps
    )


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
        keys = {row.position for row in rows}
        steps = Step.objects.filter(key__in=keys).select_related("template")
        names = {step.key: words(step) for step in steps}
        for row in rows:
            row.stands_at = names.get(row.position, "")
