"""Tests that a document of a sequence brings along: who gets what, on simulated time.

    tests:
      - name: Who buys in time is left in peace
        person: {first_name: Ada, time_zone: Europe/Berlin}     as in `sequences.scenario`
        start: "2026-03-27T12:00:00Z"
        events: [{name: order_placed, at: PT59M}]
        expect:
          - {email: cart-1, after: PT1H, subject: "Ada, your basket"}
          - {email: cart-2, at: "2026-03-30T09:00", variant: b}
          - {step: offer, arm: vips}
          - {end: goal, reason: Bought, after: P4D}

What is expected of emails is all of them, in order: one that is not expected fails the test. So it
is with the end and with the arms of a step, once they are mentioned. `after` counts from the start,
`at` is on the clock of the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import zip_longest
from typing import Any

from sequences import dry_run, scenario
from sequences.dry_run import Line, Script
from sequences.models import Sequence
from sequences.program import EmailStep
from sequences.scenario import Scenario
from sequences.services.edit import readers
from subscribers.segments import comparisons, reading
from subscribers.segments.reading import Object, fault, word

MAX_TESTS = 200
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # tests never ask what time it is
ENDS = ("completed", "exited", "goal", dry_run.REFUSED, dry_run.HELD_OUT)
_SCENARIO = ("person", "start", "until", "events")
_ABOUT = ("email", "end", "step")


@dataclass(frozen=True)
class Test:
    """A scenario, and what is to happen: members that a line must have, as `_seen` names them."""

    name: str
    scenario: Scenario
    expected: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Verdict:
    """What came of a test: `faults` are none if it passed; `lines` are what happened."""

    name: str
    faults: tuple[str, ...]
    lines: tuple[Line, ...]


def read(data: Any, sequence: Sequence) -> tuple[Test, ...]:
    """The tests of a document. Raises Invalid with every fault of them."""
    tests = reading.each(data, "/tests", partial(_test, sequence))
    if len(tests) > MAX_TESTS:
        raise fault("/tests", "too_long", f"At most {MAX_TESTS} tests.")
    return tests


def run(sequence: Sequence, script: Script, tests: Iterable[Test]) -> list[Verdict]:
    """What comes of the tests."""
    return [_run(sequence, script, test) for test in tests]


def _run(sequence: Sequence, script: Script, test: Test) -> Verdict:
    lines = dry_run.dry_run(sequence, script, test.scenario)
    seen = [_seen(line, test.scenario.start) for line in lines]
    mentioned = {_about(each) for each in test.expected} | {("email", "")}
    relevant = [each for each in seen if each and _about(each) in mentioned]
    faults = [
        fault
        for number, (wanted, got) in enumerate(zip_longest(test.expected, relevant), 1)
        if (fault := _difference(number, wanted, got))
    ]
    problems = [f"{line.template}: {line.problem}" for line in lines if line.problem]
    return Verdict(test.name, (*faults, *problems), tuple(lines))


def _about(each: Mapping[str, Any]) -> tuple[str, str]:
    """What kind of thing is expected; of a step, which."""
    kind = next(name for name in _ABOUT if name in each)
    return kind, each["step"] if kind == "step" else ""


def _seen(line: Line, start: datetime) -> dict[str, Any]:
    """What a test may say about a line; nothing, if it may not."""
    entry = line.entry
    when = {"after": entry.at - start, "at": entry.local.strftime("%Y-%m-%dT%H:%M")}
    if entry.kind == EmailStep.kind:
        content = {"subject": line.subject, "variant": entry.variant}
        return {"email": line.template, "step": entry.step_key, **content, **when}
    if entry.kind in ENDS:
        return {"end": entry.kind, "reason": entry.why, **when}
    return {"step": entry.step_key, "arm": entry.arm, **when} if entry.arm else {}


def _difference(
    number: int, wanted: Mapping[str, Any] | None, got: Mapping[str, Any] | None
) -> str:
    if wanted is None:
        return f"{number}. nothing more was expected, but came {_words(got or {})}"
    if got is None:
        return f"{number}. {_words(wanted)} was expected, but nothing more came"
    if any(got.get(name) != value for name, value in wanted.items()):
        return f"{number}. {_words(wanted)} was expected, but came {_words(got)}"
    return ""


def _words(each: Mapping[str, Any]) -> str:
    shown = {name: _plain(value) for name, value in each.items() if value != ""}
    return "{" + ", ".join(f"{name}: {value}" for name, value in shown.items()) + "}"


def _plain(value: Any) -> str:
    if isinstance(value, timedelta):
        return comparisons.written(value) if value else scenario.AT_ONCE[0]
    return str(value)


def _test(sequence: Sequence, value: Any, at: str) -> Test:
    given = Object(value, at)
    name = given.take("name", readers.text(readers.MAX_NAME))
    told = {each: given.left.pop(each) for each in _SCENARIO if each in given.left}
    expected = given.take("expect", _expected)
    given.close()
    if "start" not in told:
        raise fault(
            f"{at}/start", "required", "Say when it begins: tests do not change by the day."
        )
    return Test(name, scenario.read(told, sequence, now=EPOCH, at=at), expected)


def _expected(value: Any, at: str) -> tuple[dict[str, Any], ...]:
    return reading.each(value, at, _expectation) if value != [] else ()


def _expectation(value: Any, at: str) -> dict[str, Any]:
    given = Object(value, at)
    if not any(name in given.left for name in _ABOUT):
        raise fault(at, "required", f"This must have one of {', '.join(_ABOUT)}.")
    found = {name: given.take(name, READERS[name]) for name in READERS if name in given.left}
    given.close()
    return found


READERS: Mapping[str, reading.Reader] = {
    "email": reading.text,
    "end": word(ENDS),
    "step": reading.text,
    "arm": reading.text,
    "reason": readers.text(300),
    "subject": readers.text(500),
    "variant": reading.text,
    "after": scenario.span,
    "at": reading.text,
}
