"""A rule in a sentence, in the language of whoever reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import Workspace
from subscribers.models import CustomField
from subscribers.segments import references
from subscribers.segments.comparisons import Comparison, Entry
from subscribers.segments.rules import (
    ONCE,
    Count,
    Field,
    Group,
    Happened,
    InSegment,
    Listed,
    Property,
    Rule,
    Source,
    Tagged,
)

LABELS = {
    "email": gettext_lazy("Address"),
    "first_name": gettext_lazy("First name"),
    "last_name": gettext_lazy("Last name"),
    "time_zone": gettext_lazy("Time zone"),
    "created_at": gettext_lazy("Known since"),
    "engagement": gettext_lazy("Engagement"),
}
COMPARED = {
    "exists": gettext_lazy("%(what)s is there"),
    "missing": gettext_lazy("%(what)s is missing"),
    "is": gettext_lazy("%(what)s is %(value)s"),
    "is_not": gettext_lazy("%(what)s is not %(value)s"),
    "contains": gettext_lazy("%(what)s contains %(value)s"),
    "not_contains": gettext_lazy("%(what)s does not contain %(value)s"),
    "starts_with": gettext_lazy("%(what)s starts with %(value)s"),
    "ends_with": gettext_lazy("%(what)s ends with %(value)s"),
    "in": gettext_lazy("%(what)s is one of %(value)s"),
    "not_in": gettext_lazy("%(what)s is none of %(value)s"),
    "gt": gettext_lazy("%(what)s is more than %(value)s"),
    "gte": gettext_lazy("%(what)s is at least %(value)s"),
    "lt": gettext_lazy("%(what)s is less than %(value)s"),
    "lte": gettext_lazy("%(what)s is at most %(value)s"),
    "between": gettext_lazy("%(what)s is from %(low)s to %(high)s"),
    "before": gettext_lazy("%(what)s is before %(value)s"),
    "after": gettext_lazy("%(what)s is after %(value)s"),
    "on": gettext_lazy("%(what)s is on %(value)s"),
    "in_last": gettext_lazy("%(what)s is in the last %(value)s"),
    "in_next": gettext_lazy("%(what)s is in the next %(value)s"),
    "anniversary_in": gettext_lazy("%(what)s has its anniversary in the next %(value)s"),
}
LISTED = {
    "confirmed": gettext_lazy("confirmed on %(list)s"),
    "pending": gettext_lazy("still to confirm %(list)s"),
    "unsubscribed": gettext_lazy("has left %(list)s"),
    "never": gettext_lazy("was never on %(list)s"),
    "not_confirmed": gettext_lazy("not confirmed on %(list)s"),
}
HAPPENED = {
    "custom": gettext_lazy("did %(name)s"),
    "message.sent": gettext_lazy("was sent a message"),
    "message.delivered": gettext_lazy("was delivered a message"),
    "message.opened": gettext_lazy("opened a message"),
    "message.clicked": gettext_lazy("clicked in a message"),
    "message.replied": gettext_lazy("replied to a message"),
    "message.unsubscribed": gettext_lazy("left by a message"),
    "message.bounced": gettext_lazy("had a message bounce"),
    "message.complained": gettext_lazy("complained about a message"),
    "message.deferred": gettext_lazy("had a message deferred"),
    "message.skipped": gettext_lazy("was skipped by a message"),
    "message.failed": gettext_lazy("had a message fail"),
    "enrollment.started": gettext_lazy("started %(sequence)s"),
    "enrollment.completed": gettext_lazy("completed %(sequence)s"),
    "enrollment.goal": gettext_lazy("reached the goal of %(sequence)s"),
    "enrollment.exited": gettext_lazy("left %(sequence)s early"),
    "enrollment.failed": gettext_lazy("failed in %(sequence)s"),
}
VERDICTS = {
    "machine": gettext_lazy("%(happened)s by a machine"),
    "any": gettext_lazy("%(happened)s by whomever"),
}


def explain(rule: Rule, workspace: Workspace) -> str:
    """The rule in one sentence, with the names of what it names."""
    [said] = explain_all([rule], workspace)
    return said


def explain_all(rules: Sequence[Rule], workspace: Workspace) -> list[str]:
    """The same of several; the number of queries does not grow with theirs."""
    found = references.find(rules, workspace)
    labels = dict(CustomField.objects.of(workspace).values_list("key", "label"))
    names = {key: one.name for key, one in found.items()}
    return [sentence(rule, names, {**labels, **LABELS}) for rule in rules]


def sentence(rule: Rule, names: Mapping[tuple[str, str], str], labels: Mapping[str, Any]) -> str:
    """The same, with names by (noun, public id or slug) and labels by field."""
    said = _Speaker(names, labels).phrase(rule)
    return f"{said[:1].upper()}{said[1:]}."


class _Speaker:
    def __init__(self, names: Mapping[tuple[str, str], str], labels: Mapping[str, Any]) -> None:
        self._names, self._labels = names, labels

    def phrase(self, rule: Rule) -> str:
        match rule:
            case Group(kind, rules):
                return _joined(kind, [self._inner(one) for one in rules])
            case Field(name, comparison):
                return _compared(str(self._labels.get(name, name)), comparison)
            case Tagged(tag, has):
                said = _("tagged %(tag)s") if has else _("not tagged %(tag)s")
                return said % {"tag": self._name("tag", tag)}
            case Listed(ref, op):
                return str(LISTED[op]) % {"list": self._name("list", ref)}
            case InSegment(segment):
                return _("in the segment %(segment)s") % {"segment": self._name("segment", segment)}
        return self._happened(rule)

    def _inner(self, rule: Rule) -> str:
        """In brackets, where it is a group of several."""
        said = self.phrase(rule)
        return f"({said})" if isinstance(rule, Group) and len(rule.rules) > 1 else said

    def _name(self, noun: str, ref: str) -> str:
        return _quoted(self._names.get((noun, ref), ref))

    def _happened(self, rule: Happened) -> str:
        source = self._source(rule.source) if rule.source else _("any sequence")
        said = str(HAPPENED[rule.kind]) % {"name": _quoted(rule.name), "sequence": source}
        if rule.verdict in VERDICTS:
            said = str(VERDICTS[rule.verdict]) % {"happened": said}
        if rule.source and rule.kind.startswith("message."):
            said = _("%(happened)s of %(source)s") % {"happened": said, "source": source}
        if rule.where:
            which = _joined("all", list(map(_property, rule.where)))
            said = _("%(happened)s (%(which)s)") % {"happened": said, "which": which}
        said = _counted(said, rule.count)
        if rule.within:
            span = duration(rule.within)
            said = _("%(happened)s in the last %(span)s") % {"happened": said, "span": span}
        return said

    def _source(self, source: Source) -> str:
        name = self._name(source.kind, source.ref)
        if not source.step:
            return name
        return _("%(sequence)s, step %(step)s") % {"sequence": name, "step": source.step}


def duration(span: timedelta) -> str:
    """`30 days`, `36 hours`: in the largest unit that it is a whole number of."""
    seconds = int(span.total_seconds())
    for size, form in UNITS:
        if seconds % size == 0:
            return form(seconds // size)
    return UNITS[-1][1](seconds)


UNITS: tuple[tuple[int, Callable[[int], str]], ...] = (
    (86400, lambda number: ngettext("%d day", "%d days", number) % number),
    (3600, lambda number: ngettext("%d hour", "%d hours", number) % number),
    (60, lambda number: ngettext("%d minute", "%d minutes", number) % number),
    (1, lambda number: ngettext("%d second", "%d seconds", number) % number),
)


def _joined(kind: str, members: list[str]) -> str:
    *first, last = members
    if not first:
        return _("not: %(member)s") % {"member": last} if kind == "none" else last
    form = {
        "all": _("%(first)s and %(last)s"),
        "any": _("%(first)s or %(last)s"),
        "none": _("neither %(first)s nor %(last)s"),
    }[kind]
    return form % {"first": ", ".join(first), "last": last}


def _compared(what: str, comparison: Comparison) -> str:
    value: Any = comparison.value
    shown = {"what": what, "value": _shown(value)}
    if comparison.op == "between":
        shown |= {"low": _shown(value[0]), "high": _shown(value[1])}
    return str(COMPARED[comparison.op]) % shown


def _property(one: Property) -> str:
    return _compared(one.name, one.comparison)


def _shown(value: Any) -> str:
    match value:
        case bool():
            return _("yes") if value else _("no")
        case str():
            return _quoted(value)
        case date():
            return date_format(value)
        case timedelta():
            return duration(value)
        case tuple():
            return ", ".join(map(_shown, value))
        case Entry(name):
            return _("that of the entering event's %(property)s") % {"property": name}
    return f"{value}"


def _quoted(text: str) -> str:
    return f"“{text}”"


def _counted(said: str, count: Count) -> str:
    if count == ONCE:
        return said
    if count.value == 0:
        return _("never %(happened)s") % {"happened": said}
    number = count.value
    times = {
        "at_least": ngettext("at least %d time", "at least %d times", number),
        "at_most": ngettext("at most %d time", "at most %d times", number),
        "exactly": ngettext("exactly %d time", "exactly %d times", number),
    }[count.op]
    return _("%(happened)s %(times)s") % {"happened": said, "times": times % number}
