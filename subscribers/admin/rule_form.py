"""A field of a form in which a rule is put together line by line, or written as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.forms.renderers import BaseRenderer
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from accounts.models import Workspace
from emailseq.lib.errors import Invalid, Problem
from subscribers.admin import rule_words
from subscribers.admin.rule_words import Choices, Words
from subscribers.segments import lines, rules
from subscribers.segments.lines import WHERE, Line
from subscribers.segments.rules import MAX_DEPTH
from subscribers.states import FieldKind


@dataclass
class Control:
    """One input of a line. What hangs on its value is drawn anew when it `redraws`."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    choices: Choices = field(default_factory=list)
    redraws: bool = False
    suggests: list[str] = field(default_factory=list)
    word: str = ""  # in front of it

    @property
    def groups(self) -> list[tuple[Any, Choices]]:
        """The choices by group; those of none have no name."""
        found: list[tuple[Any, Choices]] = []
        for value, label in self.choices:
            if isinstance(label, list):
                found.append((value, label))
            else:
                found.append(("", [(value, label)]))
        return found


@dataclass
class Drawn:
    """A line as the template has it."""

    path: str
    is_group: bool
    controls: list[Control]
    lines: list[Drawn]
    faults: list[str]
    may_nest: bool = False
    takes_properties: bool = False
    is_fresh: bool = False

    @property
    def number(self) -> str:
        """As people count: `2.1`."""
        return ".".join(str(int(place) + 1) for place in self.path.split(".")[1:])


class RuleWidget(forms.Textarea):
    """Lines of a rule; or its JSON, where that is given or no form can show it."""

    kind = "rule"

    def __init__(self) -> None:
        super().__init__({"rows": 12, "class": "bo-code", "spellcheck": "false"})
        self.faults: dict[str, list[str]] = {}
        self.fresh = ""  # the path of a line that has just been added

    def __deepcopy__(self, memo: dict[int, Any]) -> RuleWidget:
        """What each form has for itself."""
        made: RuleWidget = super().__deepcopy__(memo)
        made.faults, made.fresh = {}, ""
        return made

    def of_workspace(self, workspace: Workspace) -> None:
        """Whose tags, lists and so on there are to choose from."""
        self.words = Words(workspace)

    def id_for_label(self, id_: str) -> str:
        return ""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        return data[name] if name in data else lines.read(data, name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return self.value_from_datadict(data, files, name) is None

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        root = _root(value) if value else Line({"what": "all" if self.kind == "rule" else WHERE})
        context: dict[str, Any] = {"name": name, "kind": self.kind, "label": _("Rule")}
        if root is None:
            context["json"] = super().render(name, _json(value), attrs, renderer)
        else:
            draw = _Draw(self.words, self.faults, self.fresh, entry=self.kind == "where_entry")
            context["root"] = draw.line(root, lines.ROOT)
        return render_to_string("subscribers/rule.html", context)


class WhereWidget(RuleWidget):
    """Lines about the properties of an event."""

    def __init__(self, *, with_entry: bool = False) -> None:
        super().__init__()
        self.kind = "where_entry" if with_entry else "where"


class RuleField(forms.Field):
    """A rule as JSON has it, with slugs for people to read; None where there is none."""

    widget = RuleWidget
    default_error_messages = {"required": gettext_lazy("Say who it is about.")}

    def clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return read_json(super().clean(value)) if value.strip() or self.required else None
        return super().clean(lines.written(value) if value else None)


def read_json(text: str) -> Any:
    """What the text says. Raises ValidationError with the place where it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise forms.ValidationError(_("This is not JSON: %s") % error) from error


def place_faults(widget: RuleWidget, error: Invalid, *, below: str) -> list[Problem]:
    """Put faults at the lines that they are in; those that are elsewhere come back."""
    left = []
    for problem in error.errors:
        if problem.pointer == below or not problem.pointer.startswith(f"{below}/"):
            left.append(problem)
        else:
            path = lines.path_of(problem.pointer.removeprefix(below))
            widget.faults.setdefault(path, []).append(problem.detail)
    return left


def redrawn(data: Mapping[str, Any], workspace: Workspace) -> str:
    """The field as somebody has it before them, after a press of one of its buttons.

    `rule_name` and `rule_kind` are those of the field, `rule_do` is the button, `rule_at` the path
    of the line. Raises Invalid.
    """
    name, kind, verb, path = (
        str(data.get(f"rule_{part}", "")) for part in ("name", "kind", "do", "at")
    )
    if not name.replace("_", "").isalnum():
        raise Invalid.field("rule_name", "invalid", "This is no name of a field.")
    is_rule = not kind.startswith(WHERE)
    widget = RuleWidget() if is_rule else WhereWidget(with_entry=kind == "where_entry")
    value = widget.value_from_datadict(data, {}, name)
    if isinstance(value, Line):
        value = _done(widget, value, verb, path)
    elif value and verb == "as_lines":
        value = _as_lines(value)
    widget.of_workspace(workspace)
    return widget.render(name, value)


def _done(widget: RuleWidget, root: Line, verb: str, path: str) -> Any:
    """The lines after the press of a button."""
    here = lines.at(root, path)
    if verb == "as_json":
        return _json(lines.written(root))
    if here is None:
        return root
    if verb in ADDED:
        widget.fresh = f"{path}.{len(here.lines)}" + (".0" if verb == "add_group" else "")
        here.lines.append(ADDED[verb]())
    if verb == "remove":
        lines.remove(root, path)
    return root


ADDED: dict[str, Callable[[], Line]] = {
    "add": lambda: Line({"what": ""}),
    "add_group": lambda: Line({"what": "any"}, [Line({"what": ""})]),
    "add_property": lambda: Line({"property": "", "op": "is"}),
}


def _root(value: Any) -> Line | None:
    """The lines of a rule; None for what somebody writes as JSON."""
    if isinstance(value, str):
        return None
    return value if isinstance(value, Line) else lines.shown(value)


def _as_lines(text: str) -> Any:
    """The lines of JSON; the text itself, if none can be made of it."""
    try:
        data = json.loads(text)
        if isinstance(data, list):
            rules.parse_where(data, entry=True)
        else:
            rules.parse(data)
        return lines.shown(data)
    except (ValueError, RecursionError, Invalid):
        return text


def _json(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


class _Draw:
    """Makes the controls of lines, with what a workspace has to choose from."""

    def __init__(
        self, words: Words, faults: Mapping[str, list[str]], fresh: str, *, entry: bool
    ) -> None:
        self._words, self._faults, self._fresh, self._entry = words, faults, fresh, entry

    def line(self, line: Line, path: str) -> Drawn:
        is_root_of_where = line.what == WHERE
        is_group = line.what in rules.GROUPS or is_root_of_where
        return Drawn(
            path,
            is_group,
            self._controls(line),
            [self.line(one, f"{path}.{place}") for place, one in enumerate(line.lines)],
            self._faults.get(path, []),
            may_nest=line.what in rules.GROUPS and path.count(".") < MAX_DEPTH - 1,
            takes_properties=line.what == "event" or is_root_of_where,
            is_fresh=path == self._fresh,
        )

    def _controls(self, line: Line) -> list[Control]:
        if line.what == WHERE:
            return [Control("what", "", "hidden", WHERE)]
        if line.what in rules.GROUPS:
            return [self._select(line, "what", _("Which"), rule_words.GROUPS)]
        if "property" in line.inputs:
            return self._property(line)
        about = self._select(line, "what", _("About"), self._words.what_fields(), redraws=True)
        return [about, *self._condition(line)]

    def _condition(self, line: Line) -> list[Control]:
        noun, _, name = line.what.partition(":")
        match noun:
            case "field":
                return self._comparison(line, self._words.operators(name), name)
            case "tag":
                return self._named(line, "tag", rule_words.TAGGED)
            case "list":
                return self._named(line, "list", rule_words.LISTED)
            case "segment":
                return [self._thing(line, "segment")]
            case "event":
                return [self._event(line), *self._frequency(line)]
            case "message":
                return [*self._message(line, name), *self._frequency(line)]
            case "enrollment":
                return [self._sequence(line), *self._frequency(line)]
        return []

    def _named(self, line: Line, noun: str, operators: Choices) -> list[Control]:
        return [self._select(line, "op", _("How"), operators), self._thing(line, noun)]

    def _thing(self, line: Line, noun: str) -> Control:
        return self._select(
            line, noun, _("Which"), [("", _("Choose …")), *self._words.things(noun)]
        )

    def _event(self, line: Line) -> Control:
        control = _text(line, "name", _("Name of the event"))
        control.suggests = self._words.events()
        return control

    def _sequence(self, line: Line) -> Control:
        return self._select(
            line, "of", _("Of"), [("", _("any sequence")), *self._words.things("sequence")]
        )

    def _message(self, line: Line, what: str) -> list[Control]:
        offered = [("", _("of anything")), *self._words.sources()]
        found = [self._select(line, "of", _("Of"), offered, redraws=True)]
        noun, _sep, ref = line.get("of").partition(":")
        if noun == "sequence":
            steps = [("", _("any email")), *self._words.steps(ref)]
            found.append(self._select(line, "step", _("Email"), steps))
        if what in rules.JUDGED:
            found.append(self._select(line, "verdict", _("By whom"), rule_words.VERDICTS))
        return found

    def _frequency(self, line: Line) -> list[Control]:
        count = Control("count", _("How often"), "number", line.get("count") or "1")
        within = _text(line, "within", _("In the last"), "number")
        within.word = _("times, in the last")
        return [
            self._select(line, "count_op", _("At least, at most, exactly"), rule_words.COUNTED),
            count,
            within,
            self._select(line, "unit", _("Days or hours"), rule_words.UNITS),
        ]

    def _property(self, line: Line) -> list[Control]:
        entry = rule_words.LIKE_ENTRY if self._entry else []
        operators = [*rule_words.OPERATORS[""], *entry, *rule_words.PRESENT]
        return [_text(line, "property", _("Property")), *self._comparison(line, operators)]

    def _comparison(self, line: Line, operators: Choices, name: str = "") -> list[Control]:
        if line.get("op") not in {value for value, _label in operators} and not line.get("value"):
            line.inputs["op"] = operators[0][0]  # another field was chosen
        how = self._select(line, "op", _("How"), operators, redraws=True)
        op, _sep, kind = line.get("op").partition(":")
        if op in lines.NO_VALUE:
            return [how]
        if op in lines.SPANS:
            return [
                how,
                _text(line, "value", _("How many"), "number"),
                self._select(line, "unit", _("Days or weeks"), rule_words.UNITS[:2]),
            ]
        if kind == "yes":
            return [how, self._select(line, "value", _("Value"), rule_words.YES_NO)]
        if name and op in ("is", "is_not") and self._words.kind(name) == FieldKind.CHOICE:
            choices = [("", _("Choose …")), *((one, one) for one in self._words.choices(name))]
            return [how, self._select(line, "value", _("Value"), choices)]
        return [how, *_values(line, op, kind)]

    def _select(
        self, line: Line, name: str, label: str, choices: Choices, *, redraws: bool = False
    ) -> Control:
        value = line.get(name)
        offered = list(choices)
        if name == "what" and not value:
            offered = [("", _("Choose …")), *offered]
        if value and value not in set(rule_words.flat(offered)):
            offered = [*offered, (value, value)]  # what is gone is not replaced without a word
        return Control(name, label, "select", value, offered, redraws)


def _values(line: Line, op: str, kind: str) -> list[Control]:
    typed = "date" if op in ("on", "before", "after") or kind == "date" else "text"
    value = line.inputs.get("value", "")
    if op in ("in", "not_in") or "\n" in value:
        typed = "area"
    if op in ("gt", "gte", "lt", "lte") or (kind == "number" and op not in ("in", "not_in")):
        typed = "number"
    found = [Control("value", _("Value"), typed, value)]
    if op == "between":
        found.append(Control("high", pgettext("range", "To"), typed, line.get("high")))
    return found


def _text(line: Line, name: str, label: str, kind: str = "text") -> Control:
    return Control(name, label, kind, line.get(name))
