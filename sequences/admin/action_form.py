"""What a sequence does besides sending."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from delivery.models import WebhookEndpoint
from emailseq.lib.errors import Invalid
from sequences.admin.fields import LISTS, StepForm
from sequences.models import Sequence, Step
from sequences.states import SequenceState
from subscribers.fields import from_text
from subscribers.models import CustomField, Tag

WHAT = {
    "add_tag": _("Add a tag"),
    "remove_tag": _("Take off a tag"),
    "add_list": _("Put on a list"),
    "remove_list": _("Take off a list"),
    "set_field": _("Set a field"),
    "enroll": _("Send through another sequence"),
    "remove": _("Take out of another sequence"),
    "call_webhook": _("Call a webhook"),
    "notify": _("Write to a teammate"),
}
NEEDS = {
    **dict.fromkeys(("add_tag", "remove_tag"), ("tag",)),
    **dict.fromkeys(("add_list", "remove_list"), ("list",)),
    **dict.fromkeys(("enroll", "remove"), ("sequence",)),
    "set_field": ("field", "value"),
    "call_webhook": ("endpoint",),
    "notify": ("to", "text"),
}


class ActionForm(StepForm):
    what = forms.ChoiceField(choices=list(WHAT.items()), label=_("What?"))
    tag = forms.ModelChoiceField(Tag.objects.all(), required=False)
    list = forms.ModelChoiceField(LISTS, required=False)
    field = forms.ModelChoiceField(CustomField.objects.all(), required=False)
    value = forms.CharField(
        required=False, max_length=500, help_text=_("Empty: the field is cleared.")
    )
    sequence = forms.ModelChoiceField(
        Sequence.objects.exclude(state=SequenceState.ARCHIVED), required=False
    )
    endpoint = forms.ModelChoiceField(
        WebhookEndpoint.objects.all(), required=False, label=_("Webhook")
    )
    to = forms.CharField(required=False, label=_("Address"))
    text = forms.CharField(required=False, max_length=500, widget=forms.Textarea({"rows": 3}))

    def told(self, step: Step) -> dict[str, Any]:
        action = step.settings["action"]
        shown = {"what": action["kind"], **{n: v for n, v in action.items() if n != "kind"}}
        for name in ("tag", "list", "sequence", "endpoint", "field"):
            if name in action:
                choices: Any = self.fields[name]
                shown[name] = next(
                    (row for row in choices.queryset if _called(row) == action[name]), None
                )
        return shown

    def members(self) -> dict[str, Any]:
        kind = self.cleaned_data["what"]
        action = {"kind": kind}
        for name in NEEDS[kind]:
            given = self.cleaned_data[name]
            if name == "value":
                given = self._value(self.cleaned_data["field"], given)
            elif not given:
                raise Invalid.field(name, "required", gettext("Choose, or write, one."))
            action[name] = given if isinstance(given, str) or name == "value" else _called(given)
        return {"action": action}

    def _value(self, field: CustomField, text: str) -> Any:
        """What was written, as a value of the field."""
        try:
            return from_text(field.kind, text, choices=field.choices) if text else None
        except ValueError:
            said = gettext("That is no value of this field.")
            raise Invalid.field("value", "field_type", said) from None


def _called(row: Any) -> str:
    """What an action calls a row: a field by its key, all else by public id."""
    return str(row.key if isinstance(row, CustomField) else row.public_id)
