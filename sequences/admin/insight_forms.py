"""Whom to play a sequence for, and about whom to ask why."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.pages import allows
from emailseq.lib import clock
from emailseq.lib.errors import AppError, Invalid
from sequences import documents, draft, dry_run, scenario
from sequences.admin.fields import LISTS
from sequences.dry_run import Script
from sequences.models import Sequence
from sequences.scenario import Scenario
from subscribers.fields import from_text
from subscribers.models import CustomField, Subscriber, Tag

DRAFT, LIVE = "draft", "live"
SHOWN = 20
EVENTS = {
    "rows": 4,
    "class": "bo-code",
    "spellcheck": "false",
    "placeholder": "- {name: order_placed, at: PT2H}\n- {clicked: true, at: P1D}",
}


class SimulationForm(VerbForm):
    """Somebody known, by address; or else somebody invented, who is on the list of the sequence."""

    target: Sequence
    version = forms.ChoiceField(
        choices=[(DRAFT, _("The draft")), (LIVE, _("What is live"))],
        required=False,
        label=_("Which steps"),
    )
    person = forms.CharField(
        max_length=254,
        required=False,
        label=_("Address of somebody"),
        help_text=_("As they are now. Or leave it empty, and invent somebody:"),
    )
    first_name = forms.CharField(max_length=100, required=False)
    time_zone = forms.CharField(
        max_length=64, required=False, help_text=_("For example Europe/Berlin")
    )
    tags = forms.ModelMultipleChoiceField(
        Tag.objects.all(), required=False, widget=forms.CheckboxSelectMultiple
    )
    lists = forms.ModelMultipleChoiceField(
        LISTS, required=False, widget=forms.CheckboxSelectMultiple
    )
    start = forms.CharField(
        max_length=40,
        required=False,
        label=_("Begins"),
        help_text=_("Like 2026-03-27T12:00:00Z. Empty: now."),
    )
    events = forms.CharField(
        required=False,
        label=_("What happens to them"),
        widget=forms.Textarea(EVENTS),
        help_text=_("One a line; “at” is an instant, or how long after the beginning."),
    )

    def extra_fields(self) -> dict[str, forms.Field]:
        self.custom = list(CustomField.objects.of(self.request.workspace).order_by("id")[:SHOWN])
        if not allows(self.request, "subscribers:read"):
            del self.fields["person"]
        if not Tag.objects.of(self.request.workspace).exists():
            del self.fields["tags"]
        return {
            f"field_{field.key}": forms.CharField(label=field.label, required=False)
            for field in self.custom
        }

    def values_of(self, target: Any) -> dict[str, Any]:
        return {}

    def script(self) -> Script:
        """What is played. Raises Invalid or StateConflict."""
        is_live = self.cleaned_data["version"] == LIVE
        return dry_run.of_live(self.target) if is_live else dry_run.of_draft(self.target)

    def scenario(self) -> Scenario:
        """Whom it is played for. Raises Invalid."""
        given = self.cleaned_data
        told: dict[str, Any] = {"person": given.get("person") or self._invented()}
        if given["start"]:
            told["start"] = given["start"]
        if given["events"].strip():
            told["events"] = documents.load(given["events"])
        return scenario.read(told, self.target, now=clock.now())

    def refuse(self, error: AppError) -> None:
        """Faults of what happens say which of it they are about."""
        if isinstance(error, Invalid):
            problems = [(each.pointer, each) for each in error.errors]
            for pointer, problem in problems:
                name, _slash, rest = pointer.strip("/").partition("/")
                own = name if name in self.fields else None
                self.add_error(own, f"{rest}: {problem.detail}" if own and rest else problem.detail)
            return
        super().refuse(error)

    def _invented(self) -> dict[str, Any]:
        given = self.cleaned_data
        who = {name: given[name] for name in ("first_name", "time_zone") if given[name]}
        who["fields"] = {
            field.key: _value(field, text)
            for field in self.custom
            if (text := given[f"field_{field.key}"])
        }
        for name in ("tags", "lists"):
            if given.get(name):
                who[name] = [row.public_id for row in given[name]]
        return who


class WhyForm(VerbForm):
    """About whom, and about which step."""

    target: Sequence
    person = forms.CharField(max_length=254, label=_("Address"))
    step = forms.ChoiceField(required=False, label=_("Step"))

    def extra_fields(self) -> dict[str, forms.Field]:
        steps = draft.walk(draft.read(self.target))
        own: Any = self.fields["step"]
        own.choices = [
            ("", gettext("Any")),
            *((node.step.key, f"{node.label} · {node.step}") for node in steps),
        ]
        return {}

    def values_of(self, target: Any) -> dict[str, Any]:
        return {}

    def clean_person(self) -> Subscriber:
        found = scenario.known(self.request.workspace, self.cleaned_data["person"])
        if found is None:
            raise forms.ValidationError(_("Nobody here has this address."))
        return found


def _value(field: CustomField, text: str) -> Any:
    try:
        return from_text(field.kind, text, choices=field.choices)
    except ValueError as error:
        detail = _("This is a %s.") % field.get_kind_display().lower()
        raise Invalid.field(f"field_{field.key}", "field_type", detail) from error
