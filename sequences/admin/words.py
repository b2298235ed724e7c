"""Steps, arms, triggers and endings, as a person would say them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from accounts.models import Workspace
from delivery.models import WebhookEndpoint
from emailseq.backoffice.columns import percent
from sequences import draft
from sequences.draft import Arm, Node
from sequences.models import Ending, Sequence, Step, Trigger
from sequences.services.edit.names import Names
from sequences.states import LAST_ARM, ReEntry, StepKind, TriggerKind
from subscribers.models import List, Tag
from subscribers.segments import rules
from subscribers.segments.explain import explain_all

UNITS = {
    "days": gettext_lazy("days"),
    "hours": gettext_lazy("hours"),
    "minutes": gettext_lazy("minutes"),
    "seconds": gettext_lazy("seconds"),
}
LASTING = {
    "days": ngettext_lazy("%(n)d day", "%(n)d days", "n"),
    "hours": ngettext_lazy("%(n)d hour", "%(n)d hours", "n"),
    "minutes": ngettext_lazy("%(n)d minute", "%(n)d minutes", "n"),
    "seconds": ngettext_lazy("%(n)d second", "%(n)d seconds", "n"),
}
ICONS = {
    StepKind.EMAIL: "mail",
    StepKind.WAIT: "schedule",
    StepKind.WAIT_UNTIL: "notification_important",
    StepKind.BRANCH: "call_split",
    StepKind.SPLIT: "percent",
    StepKind.ACTION: "settings",
    StepKind.EXIT: "logout",
}
ACTIONS = {
    "add_tag": gettext_lazy("Add the tag %s"),
    "remove_tag": gettext_lazy("Take off the tag %s"),
    "add_list": gettext_lazy("Put on the list %s"),
    "remove_list": gettext_lazy("Take off the list %s"),
    "enroll": gettext_lazy("Send through %s"),
    "remove": gettext_lazy("Take out of %s"),
    "call_webhook": gettext_lazy("Call %s"),
    "notify": gettext_lazy("Write to %s"),
}


def in_units(length: timedelta) -> tuple[int, str]:
    """A length in the largest unit that leaves no rest: 36 hours, 2 days."""
    whole = max(timedelta(seconds=round(length.total_seconds())), timedelta(seconds=1))
    unit = next(unit for unit in UNITS if not whole % timedelta(**{unit: 1}))
    return whole // timedelta(**{unit: 1}), unit


def lasting(length: timedelta) -> str:
    amount, unit = in_units(length)
    return str(LASTING[unit] % {"n": amount})


def step_words(step: Step, name: Callable[[str], str] = str) -> str:
    """What a step does; `name` says what somebody calls the thing of a public id."""
    match step.kind:
        case StepKind.EMAIL:
            return _("Send %s") % step.template
        case StepKind.WAIT:
            if step.delay:
                return _("Wait %s") % lasting(step.delay)
            return _("Wait until %s") % moment_words(step.settings["until"])
        case StepKind.WAIT_UNTIL:
            limit = lasting(step.delay) if step.delay else _("no time at all")
            return _("Wait for the first of these, for %s at most") % limit
        case StepKind.BRANCH:
            return _("The first of these that holds")
        case StepKind.SPLIT:
            return _("One of these by chance")
        case StepKind.ACTION:
            return action_words(step.settings["action"], name)
    reason = step.settings["reason"]
    return _("End here: %s") % reason if reason else _("End here")


def moment_words(moment: Mapping[str, Any]) -> str:
    """A moment on somebody's clock, as `sequences.schedule` has it."""
    if "field" in moment:
        said = _("every year on %s") if moment["yearly"] else _("the day of %s")
        day = said % moment["field"]
        if offset := moment["offset_days"]:
            days = ngettext("%(n)d day", "%(n)d days", abs(offset)) % {"n": abs(offset)}
            order = _("%(days)s before %(day)s") if offset < 0 else _("%(days)s after %(day)s")
            day = order % {"days": days, "day": day}
        return f"{day}, {moment['time']}"
    if "weekdays" in moment:
        days = ", ".join(str(WEEKDAYS[day - 1]) for day in moment["weekdays"])
        return f"{days}, {moment['time']}"
    return str(moment["time"])


def action_words(action: Mapping[str, Any], name: Callable[[str], str]) -> str:
    if action["kind"] == "set_field":
        if action["value"] is None:
            return str(_("Clear %s") % action["field"])
        return _("Set %(field)s to %(value)s") % action
    target = next(value for key, value in action.items() if key != "kind")
    return str(ACTIONS[action["kind"]]) % name(target)


class Speaker:
    """Says the parts of one sequence, with the names of what they name; few queries for all."""

    def __init__(
        self, sequence: Sequence, nodes: Iterable[Node], endings: Iterable[Ending]
    ) -> None:
        self.sequence, self.nodes, self.endings = sequence, [*draft.walk(nodes)], [*endings]
        self._names = Names(sequence.workspace, [node.step.settings for node in self.nodes])
        self._labels = {node.step.key: node.label for node in self.nodes}
        self._rules = _sentences(self._conditions(), sequence.workspace)
        self._acts = any(node.step.kind == StepKind.ACTION for node in self.nodes)

    def terms(self) -> list[str]:
        """Who may come in, who may come again, and when messages leave."""
        own, said = self.sequence, []
        if own.entry_rule:
            said.append(_("Who may come in: %s") % self._rules[repr(own.entry_rule)])
        if own.cooldown:
            again = _("Who was inside may come again %s after it ended.")
            said.append(again % lasting(own.cooldown))
        elif own.re_entry == ReEntry.ALWAYS:
            said.append(_("Who was inside may come again after it ended."))
        else:
            said.append(_("Nobody comes in twice."))
        if own.window:
            said.append(window_words(own.window))
        return said

    def step(self, step: Step) -> str:
        return step_words(step, self._name)

    def arm(self, node: Node, arm: Arm) -> str:
        """When an arm is taken."""
        if arm.key == LAST_ARM[node.step.kind]:
            is_branch = node.step.kind == StepKind.BRANCH
            return _("All others") if is_branch else _("Nothing in time")
        if node.step.kind == StepKind.SPLIT:
            whole = sum(each.settings["weight"] for each in node.arms)
            return percent(arm.settings["weight"], whole)
        return self.when(arm.settings.get("when"))

    def when(self, when: Mapping[str, Any] | None) -> str:
        match when:
            case {"event": name}:
                return str(_("They do %s") % name)
            case {"reply": True}:
                return _("They answer")
            case {"opened": key}:
                return _("They open %s") % self._email(key)
            case {"clicked": key}:
                return _("They click in %s") % self._email(key)
            case {"rule": rule}:
                return self._rules.get(repr(rule), "")
        return _("No condition yet")

    def _email(self, key: Any) -> str:
        if key is True:
            return _("any email")
        return str(_("the email of step %s") % self._labels.get(key, key))

    def _name(self, public_id: str) -> str:
        if not self._acts:
            return public_id
        models: tuple[Any, ...] = (Tag, List, Sequence, WebhookEndpoint)
        for model in models:
            if public_id.startswith(f"{model.prefix}_"):
                return str(self._names.found(model, public_id) or public_id)
        return public_id

    def _conditions(self) -> list[Any]:
        arms = (arm.settings.get("when") for node in self.nodes for arm in node.arms)
        whens = [*arms, *(ending.when for ending in self.endings)]
        found = [when["rule"] for when in whens if when and "rule" in when]
        return [*found, *([self.sequence.entry_rule] if self.sequence.entry_rule else [])]


def window_words(window: Mapping[str, Any]) -> str:
    """When the messages of a sequence may leave."""
    days = window.get("weekdays") or []
    named = ", ".join(str(WEEKDAYS[day - 1]) for day in days) if 0 < len(days) < 7 else ""
    hours = {"opens": window["opens"], "closes": window["closes"]}
    said = _("Messages leave between %(opens)s and %(closes)s") % hours
    is_ours = window.get("zone") == "workspace"
    clock = _("on your own clock") if is_ours else _("on their clock")
    return ", ".join(filter(None, [said, named, clock]))


def trigger_words(trigger: Trigger) -> str:
    settings = trigger.settings
    match trigger.kind:
        case TriggerKind.LIST_JOINED:
            return _("Somebody joins %s") % trigger.list
        case TriggerKind.TAG_ADDED:
            return _("Somebody gets the tag %s") % trigger.tag
        case TriggerKind.SEGMENT_ENTERED:
            return _("Somebody comes into %s") % trigger.segment
        case TriggerKind.EVENT:
            return str(_("Somebody does %s") % settings["event"])
        case TriggerKind.FIELD_CHANGED:
            if "to" in settings:
                return str(_("%(field)s of somebody becomes %(to)s") % settings)
            return str(_("%s of somebody changes") % settings["field"])
    return _("It is %s") % moment_words(settings)


def _sentences(found: list[Any], workspace: Workspace) -> dict[str, str]:
    """Each rule in a sentence, by its JSON as text."""
    if not found:
        return {}
    said = explain_all([rules.parse(rule) for rule in found], workspace)
    return {repr(rule): sentence for rule, sentence in zip(found, said, strict=True)}
