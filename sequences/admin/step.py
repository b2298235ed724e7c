"""The steps of a draft: their forms, and the verbs on one of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin, verb
from emailseq.backoffice.pages import Request
from sequences.models import Step
from sequences.services import edit
from sequences.states import StepKind
from templates_app.models import Template

UNITS = {
    "days": gettext_lazy("days"),
    "hours": gettext_lazy("hours"),
    "minutes": gettext_lazy("minutes"),
    "seconds": gettext_lazy("seconds"),
}


class EmailForm(VerbForm):
    template = forms.ModelChoiceField(Template.objects.filter(archived_at=None))

    def settings(self) -> dict[str, Any]:
        return {"template": self.cleaned_data["template"]}


class WaitForm(VerbForm):
    amount = forms.IntegerField(min_value=1, initial=1, label=gettext_lazy("How long?"))
    unit = forms.ChoiceField(choices=list(UNITS.items()))

    def values_of(self, target: Any) -> dict[str, Any]:
        if not isinstance(target, Step) or target.delay is None:
            return {}
        amount, unit = in_units(target.delay)
        return {"amount": amount, "unit": unit}

    def settings(self) -> dict[str, Any]:
        return {"delay": timedelta(**{self.cleaned_data["unit"]: self.cleaned_data["amount"]})}


def step_form(data: Any, *, request: Request, target: Step) -> VerbForm:
    kind = EmailForm if target.kind == StepKind.EMAIL else WaitForm
    return kind(data, request=request, target=target)


def in_units(delay: timedelta) -> tuple[int, str]:
    """A delay in the largest unit that leaves no rest: 36 hours, 2 days."""
    seconds = int(delay.total_seconds())
    for unit in UNITS:
        length = int(timedelta(**{unit: 1}).total_seconds())
        if seconds % length == 0:
            return seconds // length, unit
    raise AssertionError("every whole number of seconds is one of seconds")


def words(step: Step) -> str:
    """What a step does, as a person would say it."""
    if step.delay is None:
        return _("Send %s") % step.template
    amount, unit = in_units(step.delay)
    return _("Wait %(amount)d %(unit)s") % {"amount": amount, "unit": UNITS[unit]}


@admin.register(Step)
class StepAdmin(WorkspaceAdmin):
    """No page of its own: the verbs behind the buttons on a sequence's page."""

    resource = "sequences"
    ordering = ("position",)
    actions_detail = ("edit", "up", "down", "remove")

    def get_queryset(self, request: Request) -> QuerySet[Step]:
        own = Step.objects.filter(sequence__workspace=request.workspace)
        return own.select_related("sequence", "template")

    def has_module_permission(self, request: Request) -> bool:
        return False  # no list of steps: a sequence shows its own

    @verb(
        gettext_lazy("Change step"),
        right="sequences:write",
        icon="edit",
        form=step_form,
        submit=gettext_lazy("Save"),
    )
    def edit(self, request: Request, form: EmailForm | WaitForm, target: Step) -> HttpResponse:
        edit.update_step(target, by=request.actor, **form.settings())
        return self.done(request, _("Changed."), at=target.sequence)

    @verb(gettext_lazy("Move up"), right="sequences:write", icon="arrow_upward")
    def up(self, request: Request, form: VerbForm, target: Step) -> HttpResponse:
        edit.move_step(target, to=target.position - 1, by=request.actor)
        return self.done(request, _("Moved."), at=target.sequence)

    @verb(gettext_lazy("Move down"), right="sequences:write", icon="arrow_downward")
    def down(self, request: Request, form: VerbForm, target: Step) -> HttpResponse:
        edit.move_step(target, to=target.position + 1, by=request.actor)
        return self.done(request, _("Moved."), at=target.sequence)

    @verb(
        gettext_lazy("Remove"),
        right="sequences:write",
        icon="delete",
        title=gettext_lazy("Remove this step?"),
    )
    def remove(self, request: Request, form: VerbForm, target: Step) -> HttpResponse:
        sequence = edit.remove_step(target, by=request.actor)
        return self.done(request, _("Removed. Who is inside goes on with it."), at=sequence)
