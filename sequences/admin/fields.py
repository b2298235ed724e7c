"""What several forms of a sequence have in common."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from emailseq.backoffice.forms import VerbForm
from emailseq.lib.errors import AppError, Invalid, Stale
from sequences import draft
from sequences.models import Sequence, Step
from sequences.states import StepKind
from subscribers.admin.rule_form import RuleField
from subscribers.models import CustomField, List
from subscribers.segments import rules
from subscribers.segments.references import exported
from subscribers.states import FieldKind

LISTS = List.objects.filter(archived_at=None)


class OptionalRule(RuleField):
    """A rule, or nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, label=_("Rule"), **options)


def readable(rule: Any, workspace: Workspace) -> Any:
    """A rule with slugs, for people to read and write."""
    return rules.dump(exported(rules.parse(rule), workspace))


class StepForm(VerbForm):
    """Adds to a sequence, where `?at=step/arm` says, or changes a step."""

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    @property
    def edited(self) -> Sequence:
        found: Any = self.target.sequence if isinstance(self.target, Step) else self.target
        return cast("Sequence", found)

    def values_of(self, target: Any) -> dict[str, Any]:
        told = self.told(target) if isinstance(target, Step) else {}
        return {**told, "revision": self.edited.revision}

    def told(self, step: Step) -> dict[str, Any]:
        """What the fields show of a step."""
        return {}

    def members(self) -> dict[str, Any]:
        """What was filled in, as the members of a document. Raises Invalid."""
        return {}

    def arguments(self) -> dict[str, Any]:
        given = {**self.members(), "expected_revision": self.cleaned_data.get("revision")}
        if isinstance(self.target, Step):
            return given
        return {**given, **place_of(self.edited, self.request.GET.get("at", ""))}

    def refuse(self, error: AppError) -> None:
        """Whoever is told that somebody else was faster, and insists, has their way."""
        super().refuse(error)
        if isinstance(error, Stale):
            hint = gettext("What you filled in is still here: send it again to keep it.")
            self.add_error(None, hint)
            sent: Any = self.data
            self.data = sent = sent.copy()
            sent["revision"] = self.edited.revision


def place_of(sequence: Sequence, at: str) -> dict[str, Any]:
    """`step/arm` as the verbs take it. Raises Invalid when there is no such step any more."""
    key, _, arm = at.partition("/")
    parent = sequence.steps.filter(key=key).first() if key else None
    if key and parent is None:
        raise Invalid.field("at", "not_found", gettext("That step is not there any more."))
    return {"parent": parent, "arm": arm}


def emails_of(sequence: Sequence) -> list[tuple[str, str]]:
    """The emails of a sequence as choices: by key, with number and content."""
    nodes = draft.walk(draft.read(sequence))
    return [
        (node.step.key, f"{node.label} · {node.step.template}")
        for node in nodes
        if node.step.kind == StepKind.EMAIL
    ]


class MomentFields(forms.Form):
    """A moment on somebody's clock."""

    time = forms.CharField(required=False, label=_("Time"), help_text=_("Like 09:00."))
    weekdays = forms.TypedMultipleChoiceField(
        choices=[(number + 1, name) for number, name in WEEKDAYS.items()],
        coerce=int,
        required=False,
        label=_("Days"),
        widget=forms.CheckboxSelectMultiple,
    )
    date = forms.ModelChoiceField(
        CustomField.objects.filter(kind__in=[FieldKind.DATE, FieldKind.DATETIME]), required=False
    )
    offset_days = forms.IntegerField(
        required=False, label=_("Days after it"), help_text=_("Before it: a negative number.")
    )
    yearly = forms.BooleanField(required=False, label=_("Every year"))

    def moment(self, how: str) -> dict[str, Any]:
        """As `sequences.schedule` has it."""
        given = self.cleaned_data
        moment: dict[str, Any] = {"time": given["time"]}
        if how == "weekdays":
            moment["weekdays"] = given["weekdays"]
        if how == "date":
            moment |= {
                "field": given["date"].key if given["date"] else "",
                "offset_days": given["offset_days"] or 0,
                "yearly": given["yearly"],
            }
        return moment
