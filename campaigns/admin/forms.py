from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns import services, variants
from campaigns.models import Campaign, Trial
from campaigns.states import CampaignState, Every, Ignored, Metric, Otherwise
from campaigns.variants import TERMS, Other
from delivery.models import SenderIdentity
from emailseq.backoffice.forms import VerbForm
from subscribers.models import List, Segment
from templates_app.models import Template

LETTERS = ("b", "c", "d")  # the variants that the form has room for


class CampaignForm(VerbForm):
    guarded = True
    name = forms.CharField(max_length=100)
    list = forms.ModelChoiceField(List.objects.filter(archived_at=None))
    segments = forms.ModelMultipleChoiceField(
        Segment.objects.filter(archived_at=None),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Only who is in one of"),
        help_text=_("None: everybody on the list."),
    )
    excluded_lists = forms.ModelMultipleChoiceField(
        List.objects.filter(archived_at=None),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Nobody on"),
    )
    excluded_segments = forms.ModelMultipleChoiceField(
        Segment.objects.filter(archived_at=None),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Nobody in"),
    )
    excluded_campaigns = forms.ModelMultipleChoiceField(
        Campaign.objects.exclude(state=CampaignState.DRAFT).order_by("-id"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Nobody who gets"),
    )
    template = forms.ModelChoiceField(Template.objects.filter(archived_at=None))
    sender = forms.ModelChoiceField(SenderIdentity.objects.all())

    def values_of(self, target: Any) -> dict[str, Any]:
        several = {name: getattr(target, name).all() for name in services.NARROWING}
        return super().values_of(target) | several


class ResendForm(VerbForm):
    to = forms.ChoiceField(choices=Ignored.choices, label=_("To"))


class RepeatForm(VerbForm):
    every = forms.ChoiceField(choices=Every.choices)
    on = forms.IntegerField(
        min_value=1,
        max_value=31,
        initial=1,
        label=_("On day"),
        help_text=_("Of the week, 1 is Monday, or of the month; 31 is its last."),
    )
    at = forms.TimeField(
        widget=forms.TimeInput({"type": "time"}), help_text=_("On the clock of the workspace.")
    )

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        return {**given, "on": 1 if given["every"] == Every.DAY else given["on"]}


class TrialForm(VerbForm):
    """Variants of a campaign, which is variant A itself: what is left empty is as there."""

    guarded = True
    sample_percent = forms.IntegerField(
        initial=20, min_value=1, max_value=100, label=_("Percent of the audience to try them on")
    )
    metric = forms.ChoiceField(choices=Metric.choices, label=_("Judged by"))
    goal = forms.CharField(
        max_length=100,
        required=False,
        label=_("Goal"),
        help_text=_("The name of an event, such as order_placed."),
    )
    amount_property = forms.CharField(
        max_length=100,
        required=False,
        label=_("Amount"),
        help_text=_("The property of that event that says what they spent, such as total."),
    )
    wait_minutes = forms.IntegerField(
        initial=240, min_value=1, label=_("Minutes to wait once the sample has left")
    )
    minimum = forms.IntegerField(
        initial=100, min_value=1, label=_("Messages of each variant before one can win")
    )
    otherwise = forms.ChoiceField(choices=Otherwise.choices, label=_("If none is better"))

    def extra_fields(self) -> dict[str, forms.Field]:
        fields: dict[str, forms.Field] = {}
        for letter in LETTERS:
            named = {"letter": letter.upper()}
            fields[f"subject_{letter}"] = forms.CharField(
                max_length=500, required=False, label=_("%(letter)s: subject") % named
            )
            fields[f"template_{letter}"] = forms.ModelChoiceField(
                Template.objects.filter(archived_at=None),
                required=False,
                label=_("%(letter)s: template") % named,
            )
            fields[f"sender_{letter}"] = forms.ModelChoiceField(
                SenderIdentity.objects.all(),
                required=False,
                label=_("%(letter)s: sender") % named,
            )
        return fields

    def values_of(self, target: Any) -> dict[str, Any]:
        values = super().values_of(target)
        trial = Trial.objects.filter(campaign=target).first() or Trial()
        values |= {name: getattr(trial, name) for name in TERMS}
        for each in target.variants.all():
            for part in ("subject", "template", "sender"):
                values[f"{part}_{each.key}"] = getattr(each, part)
        return values

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        parts = ("subject", "template", "sender")
        told = [[given.pop(f"{part}_{letter}") for part in parts] for letter in LETTERS]
        others: Sequence[Other] = [Other(*each) for each in told if any(each)]
        return {**given, "variants": others}

    def field_at(self, pointer: str) -> str | None:
        """What is wrong with the second of the others is shown at its subject, say."""
        match pointer.split("/"):
            case ["", "variants", number, *rest]:
                filled = [
                    letter
                    for letter in LETTERS
                    if any(self.cleaned_data[f"{part}_{letter}"] for part in variants.PARTS)
                ]
                part = rest[0] if rest and rest[0] in variants.PARTS else "subject"
                return f"{part}_{filled[int(number)]}"
        return super().field_at(pointer)


class RemoveTrialForm(VerbForm):
    guarded = True


class ChooseForm(VerbForm):
    def extra_fields(self) -> dict[str, forms.Field]:
        if not isinstance(self.target, Campaign):
            return {}
        meant = variants.described(self.target).items()
        choices = [(key, f"{key.upper()}: {each.subject}") for key, each in meant]
        return {"variant": forms.ChoiceField(choices=choices, label=_("Variant"))}
