"""What can be chosen in a line of a rule: the words, and the names of a workspace's things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from django.apps import apps
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from sequences.states import StepKind
from subscribers.models import CustomField, EventName
from subscribers.segments.explain import LABELS
from subscribers.segments.references import BUILT_IN, MODELS
from subscribers.segments.rules import ENROLLMENTS, MESSAGES
from subscribers.states import FieldKind

Choices = list[tuple[str, Any]]

GROUPS: Choices = [
    ("all", gettext_lazy("All of these hold")),
    ("any", gettext_lazy("Any of these holds")),
    ("none", gettext_lazy("None of these holds")),
]
LISTED: Choices = [
    ("confirmed", gettext_lazy("are confirmed on")),
    ("not_confirmed", gettext_lazy("are not confirmed on")),
    ("pending", gettext_lazy("are still to confirm")),
    ("unsubscribed", gettext_lazy("have left")),
    ("never", gettext_lazy("were never on")),
]
TAGGED: Choices = [("has", gettext_lazy("have")), ("has_not", gettext_lazy("do not have"))]
COUNTED: Choices = [
    ("at_least", gettext_lazy("at least")),
    ("at_most", gettext_lazy("at most")),
    ("exactly", gettext_lazy("exactly")),
]
VERDICTS: Choices = [
    ("human", gettext_lazy("by a person")),
    ("machine", gettext_lazy("by a machine")),
    ("any", gettext_lazy("by whomever")),
]
UNITS: Choices = [
    ("days", gettext_lazy("days")),
    ("weeks", gettext_lazy("weeks")),
    ("hours", gettext_lazy("hours")),
    ("minutes", gettext_lazy("minutes")),
    ("seconds", gettext_lazy("seconds")),
]
YES_NO: Choices = [("yes", gettext_lazy("yes")), ("no", gettext_lazy("no"))]
HAPPENED = {
    "message:sent": gettext_lazy("Were sent a message"),
    "message:delivered": gettext_lazy("Were delivered a message"),
    "message:opened": gettext_lazy("Opened a message"),
    "message:clicked": gettext_lazy("Clicked in a message"),
    "message:replied": gettext_lazy("Answered a message"),
    "message:unsubscribed": gettext_lazy("Left by a message"),
    "message:bounced": gettext_lazy("Had a message bounce"),
    "message:complained": gettext_lazy("Complained about a message"),
    "message:deferred": gettext_lazy("Had a message put off"),
    "message:skipped": gettext_lazy("Were skipped by a message"),
    "message:failed": gettext_lazy("Had a message fail"),
    "enrollment:started": gettext_lazy("Started a sequence"),
    "enrollment:completed": gettext_lazy("Completed a sequence"),
    "enrollment:goal": gettext_lazy("Reached the goal of a sequence"),
    "enrollment:exited": gettext_lazy("Left a sequence early"),
    "enrollment:failed": gettext_lazy("Failed in a sequence"),
}
TEXT: Choices = [
    ("is", gettext_lazy("is")),
    ("is_not", gettext_lazy("is not")),
    ("contains", gettext_lazy("contains")),
    ("not_contains", gettext_lazy("does not contain")),
    ("starts_with", gettext_lazy("starts with")),
    ("ends_with", gettext_lazy("ends with")),
    ("in", gettext_lazy("is one of")),
    ("not_in", gettext_lazy("is none of")),
]
NUMBER: Choices = [
    ("is:number", gettext_lazy("is the number")),
    ("is_not:number", gettext_lazy("is not the number")),
    ("gt", gettext_lazy("is more than")),
    ("gte", gettext_lazy("is at least")),
    ("lt", gettext_lazy("is less than")),
    ("lte", gettext_lazy("is at most")),
    ("between:number", gettext_lazy("is a number from … to")),
    ("in:number", gettext_lazy("is one of the numbers")),
    ("not_in:number", gettext_lazy("is none of the numbers")),
]
TRUTH: Choices = [
    ("is:yes", gettext_lazy("is (yes or no)")),
    ("is_not:yes", gettext_lazy("is not (yes or no)")),
]
DAYS: Choices = [
    ("on", gettext_lazy("is on")),
    ("before", gettext_lazy("is before")),
    ("after", gettext_lazy("is after")),
    ("between:date", gettext_lazy("is from … to")),
    ("in_last", gettext_lazy("is in the last")),
    ("in_next", gettext_lazy("is in the next")),
    ("anniversary_in", gettext_lazy("has its anniversary in the next")),
]
PRESENT: Choices = [
    ("exists", gettext_lazy("is there")),
    ("missing", gettext_lazy("is missing")),
]
LIKE_ENTRY: Choices = [
    ("is:entry", gettext_lazy("is like the entering event's")),
    ("is_not:entry", gettext_lazy("is not like the entering event's")),
]
OPERATORS: dict[str, Choices] = {
    FieldKind.TEXT: TEXT,
    FieldKind.NUMBER: NUMBER,
    FieldKind.BOOLEAN: TRUTH,
    FieldKind.DATE: DAYS,
    FieldKind.DATETIME: DAYS,
    FieldKind.CHOICE: [one for one in TEXT if one[0] in ("is", "is_not", "in", "not_in")],
    "": [*TEXT, *NUMBER, *TRUTH, *DAYS],
}


class Words:
    """The choices of one workspace, each read when it is first wanted."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._things: dict[str, Choices] = {}

    def what_fields(self) -> Choices:
        """What a condition can be about, grouped."""
        return [
            (_("About them"), self._field_choices()),
            (
                _("Where they belong"),
                [("list", _("List")), ("tag", _("Tag")), ("segment", _("Segment"))],
            ),
            (_("What they did"), [("event", _("Did something (event)"))]),
            (
                _("Messages"),
                [(f"message:{name}", HAPPENED[f"message:{name}"]) for name in MESSAGES],
            ),
            (_("Sequences"), _happened("enrollment", ENROLLMENTS)),
        ]

    def things(self, noun: str) -> Choices:
        """Every tag, list, segment, sequence or campaign, by the name that rules have for it."""
        if noun not in self._things:
            self._things[noun] = self._all(noun)
        return self._things[noun]

    def _all(self, noun: str) -> Choices:
        model: Any = apps.get_model(MODELS[noun])
        rows = model.objects.of(self.workspace).order_by("name")
        if noun in ("list", "segment"):
            rows = rows.filter(archived_at=None)
        return [(getattr(row, "slug", row.public_id), row.name) for row in rows]

    def sources(self) -> Choices:
        """Every sequence and campaign, with its noun before its name."""
        return [
            (label, [(f"{noun}:{ref}", name) for ref, name in self.things(noun)])
            for noun, label in (("sequence", _("Sequences")), ("campaign", _("Campaigns")))
        ]

    def steps(self, sequence: str) -> Choices:
        """The emails of a sequence."""
        model: Any = apps.get_model("sequences.Step")
        rows = model.objects.filter(
            sequence__workspace=self.workspace, sequence__slug=sequence, kind=StepKind.EMAIL
        )
        return [(row.key, str(row.template)) for row in rows.select_related("template")]

    def events(self) -> list[str]:
        rows = EventName.objects.of(self.workspace).order_by("name")
        return list(rows.values_list("name", flat=True)[:500])

    def operators(self, field: str) -> Choices:
        return [*OPERATORS[self.kind(field)], *PRESENT]

    def kind(self, field: str) -> str:
        found = BUILT_IN.get(field) or self._kinds.get(field, FieldKind.TEXT)
        return str(found)

    def choices(self, field: str) -> list[str]:
        """What a field of choices may be."""
        return next((row.choices for row in self._fields if row.key == field), [])

    @cached_property
    def _fields(self) -> list[CustomField]:
        return list(CustomField.objects.of(self.workspace).order_by("id"))

    @cached_property
    def _kinds(self) -> dict[str, str]:
        return {row.key: row.kind for row in self._fields}

    def _field_choices(self) -> Choices:
        own = [(f"field:{row.key}", row.label) for row in self._fields]
        return [*((f"field:{name}", label) for name, label in LABELS.items()), *own]


def _happened(noun: str, names: Iterable[str]) -> Choices:
    return [(what, HAPPENED[what]) for what in (f"{noun}:{name}" for name in names)]


def flat(choices: Choices) -> Iterator[str]:
    """The values of choices, those of groups too."""
    for value, label in choices:
        if isinstance(label, list):
            yield from flat(label)
        else:
            yield value
