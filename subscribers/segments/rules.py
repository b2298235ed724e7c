"""The rule language: a tree of conditions on a subscriber, as data. Pure.

    {"all": […]} {"any": […]} {"none": […]}          at least one member, five deep, 100 conditions
    {"field": "plan", "op": "is", "value": "pro"}     a built-in or a custom field; see OPERATORS
    {"tag": "vip", "op": "has"}                       has, has_not
    {"list": "news", "op": "confirmed"}               see LIST_OPERATORS
    {"event": "order_placed", "where": [{"property": "total", "op": "gte", "value": 100}],
     "count": {"op": "at_least", "value": 2}, "within": "P30D"}
    {"message": "opened", "of": {"sequence": "welcome", "step": "…"}, "verdict": "human", …}
    {"enrollment": "completed", "of": "welcome", …}
    {"segment": "regulars"}

What they mean is said once, in `evaluate.py`. Tags, lists, segments, sequences and campaigns are
named by public id or slug; `references.py` turns what a person wrote into public ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from subscribers.segments import comparisons, reading
from subscribers.segments.comparisons import Comparison
from subscribers.segments.reading import Object, each, fault, hint, word

MAX_DEPTH, MAX_CONDITIONS, MAX_COUNT = 5, 100, 10**6
LIST_OPERATORS = ("confirmed", "pending", "unsubscribed", "never", "not_confirmed")
COUNT_OPERATORS = ("at_least", "at_most", "exactly")
VERDICTS = ("human", "machine", "any")
JUDGED = ("opened", "clicked")  # messages that a person or a machine may have touched
MESSAGES = (
    *("sent", "delivered", "opened", "clicked", "replied", "unsubscribed"),
    *("bounced", "complained", "deferred", "skipped", "failed"),
)
ENROLLMENTS = ("started", "completed", "goal", "exited", "failed")
CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Property:
    """How one property of an event must compare."""

    name: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Count:
    op: str = "at_least"
    value: int = 1


@dataclass(frozen=True, slots=True)
class Source:
    """Which messages: of a sequence, one step of it perhaps, or of a campaign."""

    kind: str
    ref: str
    step: str = ""


ONCE = Count()


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Tagged:
    tag: str
    has: bool


@dataclass(frozen=True, slots=True)
class Listed:
    list: str
    op: str


@dataclass(frozen=True, slots=True)
class InSegment:
    segment: str


@dataclass(frozen=True, slots=True)
class Happened:
    """So many facts of the event log: custom events, what became of messages, runs.

    `kind` is the event's kind, `name` that of a custom one; `verdict` is of opens and clicks alone.
    """

    kind: str
    name: str = ""
    where: tuple[Property, ...] = ()
    source: Source | None = None
    verdict: str = ""
    count: Count = ONCE
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Group:
    kind: str  # all, any, none
    rules: tuple[Rule, ...]


Condition = Field | Tagged | Listed | InSegment | Happened
Rule = Group | Condition


class Reference(NamedTuple):
    """What a condition names: a `tag`, `list`, `segment`, `sequence` or `campaign`, and where."""

    noun: str
    ref: str
    pointer: str


def parse(data: Any, *, at: str = "") -> Rule:
    """The rule in `data`. Raises Invalid, with the JSON pointer (below `at`) of every fault."""
    rule = _rule(data, at, 1)
    if (count := sum(1 for _ in conditions(rule))) > MAX_CONDITIONS:
        said = f"A rule takes at most {MAX_CONDITIONS} conditions, not {count}."
        raise fault(at, "too_long", said)
    return rule


def parse_where(data: Any, *, at: str = "", entry: bool = False) -> tuple[Property, ...]:
    """How the properties of an event must compare. Raises Invalid like `parse`.

    With `entry`, `"entry": "cart"` may stand for the value: that property of the entering event.
    """
    return each(data, at, lambda item, place: _property(item, place, entry=entry))


def dump(rule: Rule) -> dict[str, Any]:
    """As JSON, without what is so by default; `parse` is the inverse."""
    match rule:
        case Group(kind, rules):
            return {kind: [dump(one) for one in rules]}
        case Field(name, comparison):
            return {"field": name, **comparisons.dump(comparison)}
        case Tagged(tag, has):
            return {"tag": tag, "op": "has" if has else "has_not"}
        case Listed(ref, op):
            return {"list": ref, "op": op}
        case InSegment(segment):
            return {"segment": segment}
    return _dump_happened(rule)


def dump_where(where: Sequence[Property]) -> list[dict[str, Any]]:
    """As JSON; `parse_where` is the inverse."""
    return [{"property": one.name, **comparisons.dump(one.comparison)} for one in where]


def conditions(rule: Rule, at: str = "") -> Iterator[tuple[str, Condition]]:
    """The leaves of the tree in order, each with its JSON pointer."""
    if isinstance(rule, Group):
        for place, one in enumerate(rule.rules):
            yield from conditions(one, f"{at}/{rule.kind}/{place}")
    else:
        yield at, rule


def references(rule: Rule, at: str = "") -> Iterator[Reference]:
    """What the rule names, in order."""
    for pointer, condition in conditions(rule, at):
        match condition:
            case Tagged(tag):
                yield Reference("tag", tag, f"{pointer}/tag")
            case Listed(ref):
                yield Reference("list", ref, f"{pointer}/list")
            case InSegment(segment):
                yield Reference("segment", segment, f"{pointer}/segment")
            case Happened(kind, source=Source(noun, ref)):
                nested = f"/{noun}" if kind.startswith("message.") else ""
                yield Reference(noun, ref, f"{pointer}/of{nested}")


def renamed(rule: Rule, names: Mapping[tuple[str, str], str]) -> Rule:
    """The rule with other names for what it names, by (noun, name); what is not there stays."""
    match rule:
        case Group(kind, rules):
            return Group(kind, tuple(renamed(one, names) for one in rules))
        case Tagged(tag, has):
            return Tagged(names.get(("tag", tag), tag), has)
        case Listed(ref, op):
            return Listed(names.get(("list", ref), ref), op)
        case InSegment(segment):
            return InSegment(names.get(("segment", segment), segment))
        case Happened(source=Source(noun, ref, step)):
            return replace(rule, source=Source(noun, names.get((noun, ref), ref), step))
    return rule


def _rule(data: Any, at: str, depth: int) -> Rule:
    given = Object(data, at)
    kinds = [name for name in READERS if name in given.left]
    if not kinds:
        said = f"This must have one of {', '.join(READERS)}."
        raise fault(at, "required", said + "".join(hint(str(name), READERS) for name in given.left))
    if depth > MAX_DEPTH and kinds[0] in GROUPS:
        raise fault(at, "too_deep", f"Groups stand at most {MAX_DEPTH} deep.")
    rule = READERS[kinds[0]](given, depth)
    given.close()
    return rule


def _group(kind: str) -> Callable[[Object, int], Rule]:
    def read(given: Object, depth: int) -> Rule:
        def inner(data: Any, at: str) -> Rule:
            return _rule(data, at, depth + 1)

        members = given.take(kind, lambda data, at: each(data, at, inner))
        return Group(kind, members or ())

    return read


def _field(given: Object, depth: int) -> Rule:
    return Field(given.take("field", reading.text), comparisons.read(given))


def _tag(given: Object, depth: int) -> Rule:
    has = given.take("op", word(("has", "has_not")))
    return Tagged(given.take("tag", reading.text), has == "has")


def _list(given: Object, depth: int) -> Rule:
    return Listed(given.take("list", reading.text), given.take("op", word(LIST_OPERATORS)))


def _segment(given: Object, depth: int) -> Rule:
    return InSegment(given.take("segment", reading.text))


def _event(given: Object, depth: int) -> Rule:
    name = given.take("event", reading.text)
    where = given.take("where", lambda data, at: parse_where(data, at=at), default=())
    return Happened(CUSTOM, name, where=where or (), **_frequency(given))


def _message(given: Object, depth: int) -> Rule:
    what = given.take("message", word(MESSAGES))
    verdict = given.take("verdict", word(VERDICTS), default="human") if what in JUDGED else ""
    source = given.take("of", _source, default=None)
    return Happened(f"message.{what}", source=source, verdict=verdict, **_frequency(given))


def _enrollment(given: Object, depth: int) -> Rule:
    what = given.take("enrollment", word(ENROLLMENTS))
    sequence = given.take("of", reading.text, default=None)
    source = Source("sequence", sequence) if sequence else None
    return Happened(f"enrollment.{what}", source=source, **_frequency(given))


def _source(data: Any, at: str) -> Source:
    given = Object(data, at)
    kind = "campaign" if "campaign" in given.left else "sequence"
    ref = given.take(kind, reading.text)
    step = given.take("step", reading.text, default="") if kind == "sequence" else ""
    given.close()
    return Source(kind, ref, step)


def _frequency(given: Object) -> dict[str, Any]:
    count = given.take("count", _count, default=ONCE)
    return {"count": count, "within": given.take("within", comparisons.span, default=None)}


def _count(data: Any, at: str) -> Count:
    given = Object(data, at)
    op = given.take("op", word(COUNT_OPERATORS))
    value = given.take("value", partial(reading.whole, most=MAX_COUNT))
    given.close()
    if op == "at_least" and value == 0:
        raise fault(f"{at}/value", "invalid", "At least 0 is always so.")
    return Count(op, value)


def _property(data: Any, at: str, *, entry: bool) -> Property:
    given = Object(data, at)
    found = Property(given.take("property", reading.text), comparisons.read(given, entry=entry))
    given.close()
    return found


GROUPS = ("all", "any", "none")
READERS: dict[str, Callable[[Object, int], Rule]] = {
    **{kind: _group(kind) for kind in GROUPS},
    "field": _field,
    "tag": _tag,
    "list": _list,
    "event": _event,
    "message": _message,
    "enrollment": _enrollment,
    "segment": _segment,
}


def _dump_happened(rule: Happened) -> dict[str, Any]:
    noun, _, what = rule.kind.partition(".")
    written: dict[str, Any] = {"event": rule.name} if noun == CUSTOM else {noun: what}
    if rule.where:
        written["where"] = dump_where(rule.where)
    if rule.source:
        written["of"] = _dump_source(rule.source, noun)
    if rule.verdict not in ("", "human"):
        written["verdict"] = rule.verdict
    if rule.count != ONCE:
        written["count"] = {"op": rule.count.op, "value": rule.count.value}
    if rule.within:
        written["within"] = comparisons.written(rule.within)
    return written


def _dump_source(source: Source, noun: str) -> Any:
    if noun == "enrollment":
        return source.ref
    return {source.kind: source.ref, **({"step": source.step} if source.step else {})}
