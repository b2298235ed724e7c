"""What a sequence would do with somebody, message by message: simulated, and rendered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts.models import Workspace
from delivery import letters
from emailseq.lib.errors import Invalid, Problem, StateConflict
from sequences import conditions, draft, frozen, simulator, validate
from sequences.conditions import EventHappens, RuleHolds
from sequences.models import Sequence, Trigger
from sequences.person import Person
from sequences.program import EmailStep, Program, Step
from sequences.runs import program_of
from sequences.scenario import Scenario
from sequences.services.enroll import is_held_out
from sequences.simulator import Entry, Terms
from sequences.states import TriggerKind
from sequences.terms import terms_of
from subscribers import kinds
from subscribers.models import List, Subscriber, Tag
from subscribers.segments import rules
from subscribers.segments.evaluate import Fact
from templates_app import rendering, versions
from templates_app.compiler import Compiled, compile_template
from templates_app.liquid import TemplateError
from templates_app.models import Template, TemplateVersion

REFUSED, HELD_OUT = "refused", "held_out"
NOT_LET_IN = "The entry rule does not hold."
KEPT_OUT = "One of the {} % who are held out, to compare with."


@dataclass(frozen=True)
class Line:
    """One thing that happens, in words: `number` is the step's, as a person reads it."""

    entry: Entry
    number: str = ""
    template: str = ""
    subject: str = ""
    html: str = ""
    text: str = ""
    problem: str = ""  # why the message could not be rendered

    @property
    def words(self) -> str:
        """What happens and why, as a person would say it."""
        entry = self.entry
        if entry.kind == EmailStep.kind:
            said = f"“{self.subject}” ({self.template})"
            if entry.variant:
                said += f", variant {entry.variant}"
        else:
            said = f"{entry.kind} → {entry.arm}" if entry.arm else entry.kind
        why = self.problem or entry.why
        return f"{said}: {why}" if why else said

    @property
    def shown(self) -> dict[str, Any]:
        """The same as JSON; without what its message says but for the subject."""
        entry = self.entry
        return {
            "step": entry.step_key,
            "number": self.number,
            "kind": entry.kind,
            "at": entry.at.isoformat().replace("+00:00", "Z"),
            "local": entry.local.isoformat(),
            "time_zone": entry.zone.key,
            "why": entry.why,
            "arm": entry.arm,
            "variant": entry.variant,
            "template": self.template,
            "subject": self.subject,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Script:
    """What people would go through: a program, and by the ids in it what its messages say."""

    program: Program
    slugs: Mapping[int, str]
    contents: Mapping[int, Compiled]

    @property
    def numbers(self) -> dict[str, str]:
        """The number of each step by key: `2`, or `2 › VIPs › 1` in an arm."""
        return dict(_numbers(self.program.steps))


def of_draft(sequence: Sequence) -> Script:
    """The draft with the drafts of its templates. Raises Invalid if it could not be published."""
    if found := validate.problems(sequence):
        raise Invalid(found)
    nodes = draft.read(sequence)
    templates = {template.pk: template for template in frozen.templates(nodes)}
    return Script(
        frozen.program(nodes, {pk: pk for pk in templates}),
        {pk: template.slug for pk, template in templates.items()},
        {pk: _compiled(template) for pk, template in templates.items()},
    )


def of_live(sequence: Sequence) -> Script:
    """The version that whoever enters now would follow. Raises StateConflict if there is none."""
    if sequence.live_version is None:
        detail = "No version is live yet: publish it, or simulate the draft."
        raise StateConflict(detail, state=sequence.state, allowed=["publish"])
    return of_version(sequence.live_version.pk)


def of_version(version_id: int) -> Script:
    """What whoever is on that version follows."""
    steps = program_of(version_id)
    ids = set(steps.content_ids)
    slugs = TemplateVersion.objects.filter(pk__in=ids).values_list("pk", "template__slug")
    return Script(steps, dict(slugs), versions.compiled(ids))


def dry_run(sequence: Sequence, script: Script, scenario: Scenario) -> list[Line]:
    """What would happen, in order; nothing is stored or sent.

    An event of the scenario that starts the sequence starts the run, else that begins at once.
    """
    terms = terms_of(sequence, script.program)
    start, entry = _beginning(sequence, scenario, terms)
    if not _is_let_in(sequence, scenario, terms, start):
        return [Line(Entry("", REFUSED, start, terms.zone, NOT_LET_IN))]
    percent, known = sequence.holdout_percent, scenario.subscriber_id
    if known and is_held_out(sequence.pk, known, percent=percent):
        return [Line(Entry("", HELD_OUT, start, terms.zone, KEPT_OUT.format(percent)))]
    entries = simulator.simulate(
        script.program,
        scenario.profile,
        scenario.events,
        start,
        terms=terms,
        subscriber_id=scenario.subscriber_id,
        entry=entry,
        until=scenario.until,
    )
    return in_words(entries, script, sequence.workspace)


def in_words(entries: Iterable[Entry], script: Script, workspace: Workspace) -> list[Line]:
    """What happens, with the number of each step and what each message says."""
    numbers = script.numbers
    lines = (Line(entry, numbers.get(entry.step_key, "")) for entry in entries)
    return [_rendered(line, script, workspace) for line in lines]


def _beginning(
    sequence: Sequence, scenario: Scenario, terms: Terms
) -> tuple[datetime, Mapping[str, Any]]:
    """When the run begins, and with what: with the first event that starts it, or at once."""
    person = Person(scenario.profile, source=terms.source, entry={}, zone=terms.zone)
    triggers = [*sequence.triggers.select_related("list", "tag")]
    for fact in sorted(scenario.events, key=_moment):
        if any(_starts(trigger, fact, person) for trigger in triggers):
            return fact.occurred_at, fact.properties
    return scenario.start, {}


def _starts(trigger: Trigger, fact: Fact, person: Person) -> bool:
    match trigger.kind, fact.kind:
        case TriggerKind.EVENT, kinds.CUSTOM:
            when = conditions.parse(trigger.settings)
            return isinstance(when, EventHappens) and person.meets(when, fact)
        case TriggerKind.LIST_JOINED, kinds.SUBSCRIPTION_CONFIRMED:
            return _names(fact, trigger.list)
        case TriggerKind.TAG_ADDED, kinds.TAG_ADDED:
            return _names(fact, trigger.tag)
    return False


def _names(fact: Fact, row: List | Tag | None) -> bool:
    return row is not None and row.public_id in fact.properties.values()


def _is_let_in(sequence: Sequence, scenario: Scenario, terms: Terms, start: datetime) -> bool:
    if not sequence.entry_rule:
        return True
    person = Person(scenario.profile, source=terms.source, entry={}, zone=terms.zone)
    for fact in sorted(scenario.events, key=_moment):
        if fact.occurred_at <= start:
            person.happen(fact)
    return person.holds(RuleHolds(rules.parse(sequence.entry_rule)), start)


def _moment(fact: Fact) -> datetime:
    return fact.occurred_at


def _numbers(row: Iterable[Step], prefix: str = "") -> Iterator[tuple[str, str]]:
    for number, step in enumerate(row, 1):
        yield step.key, f"{prefix}{number}"
        for arm in getattr(step, "arms", ()):
            yield from _numbers(arm.steps, f"{prefix}{number} › {arm.name or arm.key} › ")


def _rendered(line: Line, script: Script, workspace: Workspace) -> Line:
    """The line with what its message says, if it is one."""
    content = line.entry.template_version_id
    if content is None:  # no message, or one that was queued before anybody looked
        step = script.program.at(line.entry.step_key)
        if not isinstance(step, EmailStep):
            return line
        content = step.template_version_id
    line = replace(line, template=script.slugs[content])
    try:
        context = letters.context_of(_subscriber(line.entry.values, workspace))
        said = rendering.preview(script.contents[content], context)
    except rendering.RenderError as error:
        return replace(line, problem=str(error))
    return replace(line, subject=said.subject, html=said.html, text=said.text)


def _subscriber(values: Mapping[str, Any], workspace: Workspace) -> Subscriber:
    """Somebody with these values, as a row that is never saved."""
    own = {name: values.get(name) or "" for name in ("email", "first_name", "last_name")}
    custom = {name: value for name, value in values.items() if name not in (*own, "created_at")}
    zone = str(custom.pop("time_zone", ""))
    return Subscriber(workspace=workspace, time_zone=zone, fields=custom, **own)


def _compiled(template: Template) -> Compiled:
    """The draft of a template. Raises Invalid if it was saved under looser rules."""
    try:
        return compile_template(subject=template.subject, html=template.html, text=template.text)
    except TemplateError as error:
        detail = f"The template “{template}”: {error}"
        raise Invalid([Problem("", "template_invalid", detail)]) from None
