"""A rule as lines that somebody fills in, as a form shows and sends them. Pure.

A line is a group, a condition, or a property that an event must have. Whatever stands in its inputs
is text; a condition that is not complete becomes JSON that `rules.parse` refuses, with the place.
An operator carries the type of its value, where that is not clear: `is:number`, `between:date`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from subscribers.segments import comparisons
from subscribers.segments.rules import GROUPS

ROOT, WHERE = "0", "where"
NO_VALUE, SPANS = ("exists", "missing"), ("in_last", "in_next", "anniversary_in")
UNITS = {"days": "P%sD", "weeks": "P%sW", "hours": "PT%sH", "minutes": "PT%sM", "seconds": "PT%sS"}
_SIZES = (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
_NAME = re.compile(r"((?:[0-9]{1,3}\.){0,7}[0-9]{1,3})-([a-z_]+)", re.ASCII)


@dataclass
class Line:
    """What stands in its inputs, by their names, and the lines below it."""

    inputs: dict[str, str]
    lines: list[Line] = field(default_factory=list)

    @property
    def what(self) -> str:
        return self.inputs.get("what", "")

    def count(self) -> int:
        return 1 + sum(one.count() for one in self.lines)

    def get(self, name: str) -> str:
        return self.inputs.get(name, "").strip()


def read(data: Mapping[str, Any], name: str) -> Line | None:
    """The lines that a form sends as `name-0.1-what` and so on; None if it sends none."""
    found: dict[tuple[int, ...], Line] = {}
    for key, value in data.items():
        if key.startswith(f"{name}-") and (match := _NAME.fullmatch(key[len(name) + 1 :])):
            path = tuple(map(int, match[1].split(".")))
            found.setdefault(path, Line({})).inputs[match[2]] = str(value)
    for path in sorted(found):
        if parent := found.get(path[:-1]):
            parent.lines.append(found[path])
    return found.get((0,))


def at(root: Line, path: str) -> Line | None:
    """The line at a path like `0.2.1`."""
    line = root
    for place in path.split(".")[1:]:
        if not place.isdecimal() or int(place) >= len(line.lines):
            return None
        line = line.lines[int(place)]
    return line


def remove(root: Line, path: str) -> None:
    parent, _, place = path.rpartition(".")
    if parent and (above := at(root, parent)) and at(root, path):
        del above.lines[int(place)]


def path_of(pointer: str) -> str:
    """The path of the line that a fault's JSON pointer, like `/all/0/where/1/value`, is in."""
    parts, path = pointer.strip("/").split("/"), [ROOT]
    while len(parts) > 1 and parts[0] in (*GROUPS, WHERE) and parts[1].isdecimal():
        path.append(parts[1])
        parts = parts[2:]
    return ".".join(path)


def written(root: Line) -> Any:
    """The rule as JSON; None if there is not a line. A group of one is no group."""
    if root.what == WHERE:
        return [_property(line) for line in root.lines] or None
    if root.what in GROUPS and not root.lines:
        return None
    if root.what in ("all", "any") and len(root.lines) == 1:
        return _rule(root.lines[0])
    return _rule(root)


def complete(line: Line) -> Line:
    """The lines without those in which something is still to be filled in."""
    return Line(line.inputs, [complete(one) for one in line.lines if _is_complete(one)])


def shown(rule: Any) -> Line:
    """The lines of a rule that is right; a single condition stands in a group."""
    if isinstance(rule, list):
        return Line({"what": WHERE}, [_shown_property(one) for one in rule])
    line = _shown(rule)
    return line if line.what in GROUPS else Line({"what": "all"}, [line])


def _rule(line: Line) -> dict[str, Any]:
    if line.what in GROUPS:
        return {line.what: [_rule(one) for one in line.lines]}
    noun, _, name = line.what.partition(":")
    match noun:
        case "field":
            return {"field": name, **_comparison(line)}
        case "tag" | "list":
            return _given({noun: line.get(noun), "op": line.get("op")})
        case "segment":
            return _given({"segment": line.get("segment")})
        case "event":
            where = {"where": [_property(one) for one in line.lines]} if line.lines else {}
            return {"event": line.get("name"), **where, **_frequency(line)}
        case "message":
            verdict = line.get("verdict")
            more = {"of": _source(line), "verdict": "" if verdict == "human" else verdict}
            return {"message": name, **_given(more), **_frequency(line)}
        case "enrollment":
            return {"enrollment": name, **_given({"of": line.get("of")}), **_frequency(line)}
    return {}


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _source(line: Line) -> dict[str, str]:
    noun, _, ref = line.get("of").partition(":")
    step = line.get("step") if noun == "sequence" else ""
    return {noun: ref, **_given({"step": step})} if ref else {}


def _frequency(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {}
    op, number = line.get("count_op") or "at_least", line.get("count") or "1"
    if (op, number) != ("at_least", "1"):
        found["count"] = {"op": op, "value": _number(number)}
    if within := line.get("within"):
        found["within"] = _span(within, line.get("unit"))
    return found


def _property(line: Line) -> dict[str, Any]:
    return {**_given({"property": line.get("property")}), **_comparison(line)}


def _comparison(line: Line) -> dict[str, Any]:
    op, _, kind = line.get("op").partition(":")
    value = line.inputs.get("value", "")
    if op in NO_VALUE or not op:
        return _given({"op": op})
    if kind == "entry":
        return {"op": op, **_given({"entry": value.strip()})}
    if op == "between":
        return {"op": op, "value": [_typed(one, kind) for one in (value, line.get("high"))]}
    if not value.strip():
        return {"op": op}
    if op in SPANS:
        return {"op": op, "value": _span(value.strip(), line.get("unit"))}
    if op in ("in", "not_in"):
        return {"op": op, "value": [_typed(part, kind) for part in _parts(value)]}
    if op in ("gt", "gte", "lt", "lte"):
        kind = "number"
    return {"op": op, "value": _typed(value, kind)}


def _parts(text: str) -> list[str]:
    """One a line, or with commas between them on a single one."""
    parts = text.splitlines() if "\n" in text else text.split(",")
    return [part.strip() for part in parts if part.strip()]


def _typed(text: str, kind: str) -> Any:
    match kind:
        case "number":
            return _number(text)
        case "yes":
            return text == "yes"
    return text


def _number(text: str) -> int | float | str:
    for read_as in (int, float):
        try:
            return read_as(text)
        except ValueError:
            continue
    return text  # the parser says that it is none


def _span(number: str, unit: str) -> str:
    return UNITS.get(unit, UNITS["days"]) % number


def _is_complete(line: Line) -> bool:
    if line.what in GROUPS:
        return any(map(_is_complete, line.lines))
    noun = line.what.partition(":")[0]
    match noun:
        case "message" | "enrollment":
            return True
        case "tag" | "list" | "segment":
            return bool(line.get(noun))
        case "event":
            return bool(line.get("name"))
    named = noun == "field" or bool(line.get("property"))
    op = line.get("op")
    valued = op in NO_VALUE or bool(line.get("value"))
    return (
        named and bool(op) and valued and (not op.startswith("between") or bool(line.get("high")))
    )


def _shown(rule: dict[str, Any]) -> Line:
    for kind in GROUPS:
        if kind in rule:
            return Line({"what": kind}, [_shown(one) for one in rule[kind]])
    if "field" in rule:
        return Line({"what": f"field:{rule['field']}", **_compared(rule)})
    for noun in ("tag", "list", "segment"):
        if noun in rule:
            return Line({"what": noun, noun: rule[noun], "op": rule.get("op", "")})
    if "event" in rule:
        where = [_shown_property(one) for one in rule.get("where", ())]
        return Line({"what": "event", "name": rule["event"], **_counted(rule)}, where)
    if "enrollment" in rule:
        own = {"what": f"enrollment:{rule['enrollment']}", "of": rule.get("of", "")}
        return Line({**own, **_counted(rule)})
    source = dict(rule.get("of", {}))
    step = source.pop("step", "")
    [of] = [f"{noun}:{ref}" for noun, ref in source.items()] or [""]
    own = {"what": f"message:{rule['message']}", "of": of, "step": step}
    return Line({**own, "verdict": rule.get("verdict", "human"), **_counted(rule)})


def _shown_property(given: dict[str, Any]) -> Line:
    return Line({"property": given["property"], **_compared(given)})


def _compared(given: dict[str, Any]) -> dict[str, str]:
    op = given["op"]
    value: Any = given.get("value")
    if "entry" in given:
        return {"op": f"{op}:entry", "value": given["entry"]}
    if op in SPANS:
        return {"op": op, **_length(value, "value")}
    if op == "between":
        low, high = value
        kind = "date" if isinstance(low, str) else "number"
        return {"op": f"{op}:{kind}", "value": str(low), "high": str(high)}
    first = value[0] if isinstance(value, list) else value
    kind = _kind_of(first) if op in ("is", "is_not", "in", "not_in") else ""
    return {"op": f"{op}:{kind}" if kind else op, "value": _text(value)}


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "yes"
    return "number" if isinstance(value, int | float) else ""


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            parts = list(map(_text, value))
            has_comma = any("," in part for part in parts)
            return "".join(f"{part}\n" for part in parts) if has_comma else ", ".join(parts)
    return str(value)


def _counted(rule: dict[str, Any]) -> dict[str, str]:
    count = rule.get("count", {"op": "at_least", "value": 1})
    found = {"count_op": count["op"], "count": str(count["value"])}
    return {**found, **_length(rule.get("within"), "within")}


def _length(span: str | None, name: str) -> dict[str, str]:
    """How long an ISO 8601 duration is, in the largest unit that it is a whole number of."""
    if not span:
        return {}
    length: timedelta = comparisons.span(span, "")
    seconds = int(length.total_seconds())
    unit, size = next(pair for pair in _SIZES if seconds % pair[1] == 0)
    return {name: str(seconds // size), "unit": unit}
