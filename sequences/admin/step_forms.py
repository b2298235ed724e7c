"""One form for each kind of step: to add one, and to change it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.pages import Request
from emailseq.lib.errors import Invalid
from sequences import draft
from sequences.admin.action_form import ActionForm
from sequences.admin.fields import MomentFields, OptionalRule, StepForm, emails_of
from sequences.admin.words import UNITS, in_units
from sequences.models import Step
from sequences.program import CLICK, GOAL
from sequences.services.edit.readers import MAX_MINIMUM
from sequences.states import StepKind
from subscribers.models import CustomField
from templates_app.models import Template

TEMPLATES = Template.objects.filter(archived_at=None)
LETTERS = ("b", "c", "d")  # the variants beside the first
METRICS = {CLICK: _("clicks"), GOAL: _("goals")}


class EmailForm(StepForm):
    template = forms.ModelChoiceField(TEMPLATES)

    def extra_fields(self) -> dict[str, forms.Field]:
        share: dict[str, Any] = {"min_value": 0, "max_value": 1000, "required": False}
        fields: dict[str, forms.Field] = {
            "thread": forms.ChoiceField(
                choices=[("", gettext("A thread of its own")), *emails_of(self.edited)],
                required=False,
                label=_("Continues the thread of"),
            ),
            "share": forms.IntegerField(
                **share, label=_("Its share"), help_text=_("Only if there are variants.")
            ),
        }
        fields |= {
            "metric": forms.ChoiceField(
                choices=[("", gettext("Nothing: the shares stay")), *METRICS.items()],
                required=False,
                label=_("The better variant has more"),
                help_text=_("Its share grows, and once it is clear, all others get it too."),
            ),
            "minimum": forms.IntegerField(
                min_value=1,
                max_value=MAX_MINIMUM,
                required=False,
                label=_("But not before each was sent"),
                help_text=_("So many times; empty: 100."),
            ),
        }
        for letter in LETTERS:
            name = letter.upper()
            fields[f"template_{letter}"] = forms.ModelChoiceField(
                TEMPLATES, required=False, label=_("Variant %s") % name
            )
            fields[f"share_{letter}"] = forms.IntegerField(**share, label=_("Share of %s") % name)
        return fields

    def told(self, step: Step) -> dict[str, Any]:
        variants = [*step.variants.all()]
        shown = {"template": step.template_id}
        shown |= {name: step.settings.get(name) for name in ("thread", "metric", "minimum")}
        shown["share"] = variants[0].weight if variants else None
        for letter, variant in zip(LETTERS, variants[1:], strict=False):
            shown |= {f"template_{letter}": variant.template_id, f"share_{letter}": variant.weight}
        return shown

    def members(self) -> dict[str, Any]:
        given = self.cleaned_data
        others = [
            self._variant(letter, given[f"template_{letter}"], given[f"share_{letter}"])
            for letter in LETTERS
            if given[f"template_{letter}"]
        ]
        first = self._variant("a", given["template"], given["share"])
        return {
            "template": given["template"],
            **{name: given[name] or None for name in ("thread", "metric", "minimum")},
            "variants": [first, *others, *self._more()] if others else None,
        }

    def _variant(self, key: str, template: Template, share: int | None) -> dict[str, Any]:
        return {"key": key, "template": template, "weight": 1 if share is None else share}

    def _more(self) -> list[dict[str, Any]]:
        """What the form has no room for stays."""
        if not isinstance(self.target, Step):
            return []
        return list(draft.told(self.target).get("variants", ())[len(LETTERS) + 1 :])


class VariantForm(VerbForm):
    """Which variant: `?variant=`."""

    def arguments(self) -> dict[str, Any]:
        return {"variant": self.request.GET.get("variant", "")}


HOW = {
    "delay": _("For so long"),
    "time": _("Until a time of day"),
    "weekdays": _("Until a day of the week"),
    "date": _("Until a date of the person"),
}


class LengthForm(StepForm):
    amount = forms.IntegerField(min_value=1, initial=1, required=False, label=_("How long?"))
    unit = forms.ChoiceField(choices=list(UNITS.items()), required=False)

    def length(self) -> timedelta | None:
        amount, unit = self.cleaned_data["amount"], self.cleaned_data["unit"]
        return timedelta(**{unit or "days": amount}) if amount else None

    def of_length(self, length: timedelta | None) -> dict[str, Any]:
        return dict(zip(("amount", "unit"), in_units(length), strict=True)) if length else {}


class WaitForm(LengthForm, MomentFields):
    how = forms.ChoiceField(choices=list(HOW.items()), required=False, label=_("Wait"))
    field_order = ("how", "amount", "unit", "time", "weekdays", "date", "offset_days", "yearly")

    def told(self, step: Step) -> dict[str, Any]:
        until = step.settings.get("until")
        if not until:
            return {"how": "delay", **self.of_length(step.delay)}
        if "field" in until:
            fields = CustomField.objects.of(self.request.workspace)
            return {**until, "how": "date", "date": fields.filter(key=until["field"]).first()}
        return {**until, "how": "weekdays" if "weekdays" in until else "time"}

    def members(self) -> dict[str, Any]:
        how = self.cleaned_data["how"] or "delay"
        if how != "delay":
            return {"until": self.moment(how)}
        if (length := self.length()) is None:
            raise Invalid.field("amount", "required", gettext("Say how long."))
        return {"delay": length}


class WaitUntilForm(LengthForm):
    def told(self, step: Step) -> dict[str, Any]:
        return self.of_length(step.delay)

    def members(self) -> dict[str, Any]:
        return {"timeout": self.length()}


class BranchForm(StepForm):
    """Its first arm, when it is made; the arms have forms of their own."""

    def extra_fields(self) -> dict[str, forms.Field]:
        if isinstance(self.target, Step):
            return {}
        name = forms.CharField(max_length=100, required=False, label=_("Who goes another way?"))
        return {"name": name, "rule": OptionalRule()}

    def members(self) -> dict[str, Any]:
        if isinstance(self.target, Step):
            return {}
        rule = self.cleaned_data["rule"]
        arm = {"name": self.cleaned_data["name"], "when": {"rule": rule} if rule else None}
        return {"arms": [arm]}


class SplitForm(StepForm):
    def extra_fields(self) -> dict[str, forms.Field]:
        if isinstance(self.target, Step):
            return {}
        share: dict[str, Any] = {"min_value": 0, "max_value": 1000, "initial": 1}
        return {
            "share_a": forms.IntegerField(**share, label=_("Share of the first")),
            "share_b": forms.IntegerField(**share, label=_("Share of the second")),
        }

    def members(self) -> dict[str, Any]:
        if isinstance(self.target, Step):
            return {}
        return {"arms": [{"weight": self.cleaned_data[name]} for name in ("share_a", "share_b")]}


class ExitForm(StepForm):
    reason = forms.CharField(
        required=False, max_length=100, help_text=_("What the person's log will say.")
    )

    def told(self, step: Step) -> dict[str, Any]:
        return {"reason": step.settings["reason"]}

    def members(self) -> dict[str, Any]:
        return {"reason": self.cleaned_data["reason"]}


FORMS: dict[str, type[StepForm]] = {
    StepKind.EMAIL: EmailForm,
    StepKind.WAIT: WaitForm,
    StepKind.WAIT_UNTIL: WaitUntilForm,
    StepKind.BRANCH: BranchForm,
    StepKind.SPLIT: SplitForm,
    StepKind.ACTION: ActionForm,
    StepKind.EXIT: ExitForm,
}


def form_of(data: Any, *, request: Request, target: Step) -> StepForm:
    """The form to change a step."""
    return FORMS[target.kind](data, request=request, target=target)
