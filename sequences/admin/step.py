"""The steps of a draft: their forms, and the verbs on one of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, edit
from sequences.models import Step
from sequences.services import edit as services
from sequences.states import StepKind
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
    return services.move_step(step, to=step.position - 1, by=by)


def _down(step: Step, *, by: Actor) -> Step:
    return services.move_step(step, to=step.position + 1, by=by)


@admin.register(Step)
class StepAdmin(WorkspaceAdmin):
    """No page of its own: the verbs behind the buttons on a sequence's page."""

    resource = "sequences"
    ordering = ("position",)
    page_verbs = (
        edit(services.update_step, label=_("Change step"), form=_form),
        Verb(_up, name="up", label=_("Move up"), icon="arrow_upward", done=_("Moved.")),
        Verb(_down, name="down", label=_("Move down"), icon="arrow_downward", done=_("Moved.")),
        Verb(
            services.remove_step,
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
