"""The arms of a block, which `?arm=` names: their conditions, and where to put a step."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.forms import VerbForm
from emailseq.lib.errors import Invalid
from sequences import draft
from sequences.admin.fields import OptionalRule, emails_of, place_of, readable
from sequences.models import Sequence, Step
from sequences.states import LAST_ARM, StepKind
from subscribers.admin.rule_form import RuleField, WhereWidget

WHAT = {
    "event": _("They do something"),
    "reply": _("They answer"),
    "opened": _("They open an email"),
    "clicked": _("They click in an email"),
    "rule": _("A rule holds"),
}


class WhenFields(VerbForm):
    """Any condition: `sequences.conditions`."""

    @property
    def edited(self) -> Sequence:
        found: Any = self.target.sequence if isinstance(self.target, Step) else self.target
        return cast("Sequence", found)

    def when_fields(self) -> dict[str, forms.Field]:
        emails = [("", gettext("Any")), *emails_of(self.edited)]
        return {
            "what": forms.ChoiceField(choices=list(WHAT.items()), label=_("When?")),
            "event": forms.CharField(required=False, max_length=100, label=_("Event")),
            "where": RuleField(
                required=False, label=_("Where"), widget=WhereWidget(with_entry=True)
            ),
            "email": forms.ChoiceField(choices=emails, required=False, label=_("Email")),
            "rule": OptionalRule(),
        }

    def shown(self, when: dict[str, Any] | None) -> dict[str, Any]:
        """What the fields show of a condition."""
        if not when:
            return {}
        kind = next(name for name in WHAT if name in when)
        found = {"what": kind, "event": when.get("event")}
        if rule := when.get("rule"):
            found["rule"] = readable(rule, self.request.workspace)
        if isinstance(key := when.get(kind), str) and kind in ("opened", "clicked"):
            found["email"] = key
        if "where" in when:
            found["where"] = when["where"]
        return found

    def when(self) -> dict[str, Any]:
        """What was filled in. Raises Invalid."""
        given = self.cleaned_data
        match given["what"]:
            case "event":
                where = {"where": given["where"]} if given["where"] else {}
                return {"event": given["event"], **where}
            case "rule":
                if not given["rule"]:
                    raise Invalid.field("rule", "required", gettext("Write a rule."))
                return {"rule": given["rule"]}
            case "reply":
                return {"reply": True}
            case verb:
                return {verb: given["email"] or True}


class ArmForm(WhenFields):
    """Adds an arm, or changes the one that `?arm=` names."""

    target: Step

    def extra_fields(self) -> dict[str, forms.Field]:
        name = forms.CharField(required=False, max_length=100, label=_("Name"))
        return {"name": name, **self._conditions()}

    def values_of(self, target: Any) -> dict[str, Any]:
        arm = self._arm()
        shown = {"name": arm.get("name", ""), "weight": arm.get("weight", 1)}
        return {**shown, **self.shown(arm.get("when"))}

    def arguments(self) -> dict[str, Any]:
        members: dict[str, Any] = {"name": self.cleaned_data["name"]}
        if "what" in self.fields:
            members["when"] = self.when()
        elif "rule" in self.fields:
            rule = self.cleaned_data["rule"]
            members["when"] = {"rule": rule} if rule else None
        elif "weight" in self.fields:
            members["weight"] = self.cleaned_data["weight"]
        key = self.request.GET.get("arm")
        return {**members, "key": key} if key else members

    def _arm(self) -> dict[str, Any]:
        key = self.request.GET.get("arm")
        arms = self.target.settings.get("arms", ())
        return next((dict(arm) for arm in arms if arm["key"] == key), {})

    def _conditions(self) -> dict[str, forms.Field]:
        kind, key = self.target.kind, self.request.GET.get("arm")
        if kind not in LAST_ARM or (key and key == LAST_ARM[kind]):
            return {}
        if kind == StepKind.WAIT_UNTIL:
            return self.when_fields()
        if kind == StepKind.BRANCH:
            return {"rule": OptionalRule()}
        weight = forms.IntegerField(min_value=0, max_value=1000, label=_("Share"))
        return {"weight": weight}


class ArmKeyForm(VerbForm):
    """Which arm: `?arm=`."""

    def arguments(self) -> dict[str, Any]:
        return {"key": self.request.GET.get("arm", "")}


class PlaceForm(VerbForm):
    """Where a step is to stand: at the end of a row that is not below it."""

    target: Step

    def extra_fields(self) -> dict[str, forms.Field]:
        choices = [("", gettext("In no arm")), *_rows(self.target)]
        return {"at": forms.ChoiceField(choices=choices, required=False, label=_("Where?"))}

    def values_of(self, target: Any) -> dict[str, Any]:
        return {"at": f"{target.parent.key}/{target.arm}" if target.parent else ""}

    def arguments(self) -> dict[str, Any]:
        return {**place_of(self.target.sequence, self.cleaned_data["at"]), "to": 1000}


def _rows(step: Step) -> list[tuple[str, str]]:
    nodes = draft.read(step.sequence)
    own = {inner for node in draft.walk(nodes) if node.step == step for inner in _keys(node)}
    return [
        (f"{node.step.key}/{arm.key}", f"{node.label} › {arm.name}")
        for node in draft.walk(nodes)
        if node.step.key not in own
        for arm in node.arms
    ]


def _keys(node: draft.Node) -> list[str]:
    return [inner.step.key for inner in node.walk()]
