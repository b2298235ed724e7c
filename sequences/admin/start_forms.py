"""The settings of a sequence, what starts it and what ends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from delivery.models import SenderIdentity
from delivery.states import CapPolicy, MessageClass
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.lib.errors import Invalid
from sequences import draft
from sequences.admin.arm_forms import WhenFields
from sequences.admin.fields import LISTS, MomentFields, OptionalRule, readable
from sequences.models import Sequence
from sequences.models.sequence import MAX_HOLDOUT, MAX_PRIORITY, MIN_PRIORITY
from sequences.services import edit
from sequences.states import EndingKind, ReEntry, TriggerKind
from subscribers.models import CustomField, Segment, Tag

NEEDS = {
    TriggerKind.LIST_JOINED: "list",
    TriggerKind.TAG_ADDED: "tag",
    TriggerKind.SEGMENT_ENTERED: "segment",
}


class NewSequenceForm(NamedForm):
    sender = forms.ModelChoiceField(SenderIdentity.objects.all())
    list = forms.ModelChoiceField(
        LISTS,
        required=False,
        help_text=_("The consent its messages rest on. Without one, any list will do."),
    )
    re_entry = forms.ChoiceField(choices=ReEntry.choices, label=_("Can people return?"))


class CopyForm(NamedForm):
    def values_of(self, target: Any) -> dict[str, Any]:
        return {}


class SettingsForm(NewSequenceForm):
    guarded = True
    cooldown_days = forms.IntegerField(
        required=False,
        min_value=1,
        label=_("After how many days?"),
        help_text=_("Only if people return some time after it ended."),
    )
    entry_rule = OptionalRule()
    opens = forms.CharField(
        required=False, label=_("Messages leave from"), help_text=_("Like 09:00. Empty: always.")
    )
    closes = forms.CharField(required=False, label=_("until"))
    weekdays = forms.TypedMultipleChoiceField(
        choices=[(number + 1, name) for number, name in WEEKDAYS.items()],
        coerce=int,
        required=False,
        label=_("on"),
        help_text=_("None: every day."),
        widget=forms.CheckboxSelectMultiple,
    )
    zone = forms.ChoiceField(
        choices=[("subscriber", _("the person's")), ("workspace", _("the workspace's"))],
        required=False,
        label=_("On whose clock?"),
    )
    priority = forms.IntegerField(
        required=False,
        min_value=MIN_PRIORITY,
        max_value=MAX_PRIORITY,
        help_text=_("Under a frequency cap, the higher goes first."),
    )
    holdout_percent = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_HOLDOUT,
        label=_("Kept out, in percent"),
        help_text=_("To see what the sequence does, so many get nothing."),
    )
    message_class = forms.ChoiceField(
        choices=MessageClass.choices, required=False, label=_("Kind of message")
    )
    cap_policy = forms.ChoiceField(
        choices=CapPolicy.choices, required=False, label=_("What a frequency cap holds back")
    )

    def values_of(self, target: Sequence) -> dict[str, Any]:
        shown = {**super().values_of(target), **(target.window or {})}
        if target.cooldown:
            shown["cooldown_days"] = max(target.cooldown.days, 1)
        if target.entry_rule:
            shown["entry_rule"] = readable(target.entry_rule, self.request.workspace)
        return shown

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        opens, closes, days, zone = (
            given.pop(name) for name in ("opens", "closes", "weekdays", "zone")
        )
        given["window"] = None
        if opens or closes:
            window: dict[str, Any] = {"opens": opens, "closes": closes}
            window |= {"weekdays": days} if days else {}
            given["window"] = window | ({"zone": zone} if zone else {})
        cooldown = given.pop("cooldown_days")
        given["cooldown"] = timedelta(days=cooldown) if cooldown else None
        if given["re_entry"] != ReEntry.COOLDOWN:
            given["cooldown"] = None
        unsaid = ("priority", "holdout_percent", "message_class", "cap_policy")
        return {n: v for n, v in given.items() if n not in unsaid or v not in (None, "")}


class TriggerForm(MomentFields, VerbForm):
    """One more that starts the sequence."""

    kind = forms.ChoiceField(choices=TriggerKind.choices, label=_("What?"))
    list = forms.ModelChoiceField(LISTS, required=False)
    tag = forms.ModelChoiceField(Tag.objects.all(), required=False)
    segment = forms.ModelChoiceField(Segment.objects.filter(archived_at=None), required=False)
    event = forms.CharField(required=False, max_length=100)
    field = forms.ModelChoiceField(CustomField.objects.all(), required=False)
    field_order = ("kind", "list", "tag", "segment", "event", "field", "date")

    def values_of(self, target: Any) -> dict[str, Any]:
        return {}

    def arguments(self) -> dict[str, Any]:
        given, kind = self.cleaned_data, self.cleaned_data["kind"]
        if noun := NEEDS.get(kind):
            found = {noun: self._chosen(noun)}
        elif kind == TriggerKind.EVENT:
            found = {"event": given["event"]}
        elif kind == TriggerKind.FIELD_CHANGED:
            found = {"field": self._chosen("field").key}
        else:
            self._chosen("date")
            found = self.moment("date")
        return {"kind": kind, **found}

    def _chosen(self, name: str) -> Any:
        if self.cleaned_data[name] is None:
            raise Invalid.field(name, "required", gettext("Choose one."))
        return self.cleaned_data[name]


class IndexForm(VerbForm):
    """Which one: `?number=`, from 0."""

    def arguments(self) -> dict[str, Any]:
        number = self.request.GET.get("number", "")
        return {"number": int(number) if number.isascii() and number.isdigit() else -1}


class EndingForm(WhenFields):
    """One more that ends runs of the sequence."""

    def extra_fields(self) -> dict[str, forms.Field]:
        kind = forms.ChoiceField(choices=EndingKind.choices, label=_("Good or early?"))
        name = forms.CharField(
            max_length=100, label=_("Name"), help_text=_("What the person's log will say.")
        )
        return {"kind": kind, "name": name, **self.when_fields()}

    def values_of(self, target: Any) -> dict[str, Any]:
        return {}

    def arguments(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {"kind": given["kind"], "name": given["name"], "when": self.when()}


def add_trigger(sequence: Sequence, *, by: Actor, **trigger: Any) -> Sequence:
    return edit.set_triggers(sequence, triggers=[*_triggers(sequence), trigger], by=by)


def remove_trigger(sequence: Sequence, *, number: int, by: Actor) -> Sequence:
    triggers = _triggers(sequence)
    return edit.set_triggers(sequence, triggers=_without(triggers, number), by=by)


def add_ending(sequence: Sequence, *, kind: str, by: Actor, **ending: Any) -> Sequence:
    return _set_endings(sequence, [*_endings(sequence), (kind, ending)], by=by)


def remove_ending(sequence: Sequence, *, number: int, by: Actor) -> Sequence:
    return _set_endings(sequence, _without(_endings(sequence), number), by=by)


def _triggers(sequence: Sequence) -> list[Any]:
    rows = sequence.triggers.select_related("list", "tag", "segment")
    return [draft.trigger_document(each) for each in rows]


def _endings(sequence: Sequence) -> list[Any]:
    return [(each.kind, draft.ending_document(each)) for each in sequence.endings.all()]


def _set_endings(sequence: Sequence, endings: list[Any], *, by: Actor) -> Sequence:
    goals = [ending for kind, ending in endings if kind == EndingKind.GOAL]
    exits = [ending for kind, ending in endings if kind == EndingKind.EXIT]
    return edit.set_endings(sequence, goals=goals, exits=exits, by=by)


def _without(rows: list[Any], number: int) -> list[Any]:
    if not 0 <= number < len(rows):
        raise Invalid.field("number", "not_found", gettext("It is not there any more."))
    return [row for place, row in enumerate(rows) if place != number]
