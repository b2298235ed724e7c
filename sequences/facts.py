"""What the interpreter must know of many runs, each kind of fact by one query for all of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from accounts.models import Workspace
from delivery.states import MessageClass
from emailseq.lib import localtime, sql
from emailseq.lib.localtime import Window
from sequences import models, variants
from sequences.conditions import Engages, EventHappens, RuleHolds, When
from sequences.models import Enrollment
from sequences.passes import Facts, Outcome
from sequences.program import WaitStep
from sequences.runs import Run, program_of
from sequences.schedule import Delay
from subscribers.models import Subscriber
from subscribers.segments import compile as compiled
from subscribers.segments import evaluate
from subscribers.segments.comparisons import Entry
from subscribers.segments.rules import CUSTOM, Rule

ASKED = ("subscriber_id", "since", "kind", "name", "sequence_id", "run", "step_key")

Sequences = Mapping[int, models.Sequence]  # by id, each with its workspace
Answers = dict[str, bool]
Moments = dict[str, datetime | None]


class Question(NamedTuple):
    """Whether, or when, something is so for a run, of what happened after `since`."""

    run: Run
    when: When
    since: datetime


def sequences_of(runs: Iterable[Run]) -> dict[int, models.Sequence]:
    """The sequences of the runs, by id."""
    wanted = {run.sequence_id for run in runs}
    return models.Sequence.objects.select_related("workspace").in_bulk(wanted)


def load(runs: Sequence[Run], sequences: Sequences) -> dict[int, Facts]:
    """The facts of each run, by its id, but for what it `wants` to know later."""
    left_at, unfinished = messages(runs)
    windows = {pk: windows_of(sequence) for pk, sequence in sequences.items()}
    people = _people([run for run in runs if windows[run.sequence_id] or _is_local(run.version_id)])
    weights = variants.weights([run for run in runs if _is_varied(run.version_id)])
    found = {}
    for run in runs:
        workspace_zone = zone_of(sequences[run.sequence_id].workspace)
        zone_name, fields = people.get(run.subscriber_id, ("", {}))
        zone = localtime.zone_or(zone_name, workspace_zone)[0] if zone_name else workspace_zone
        found[run.id] = Facts(
            entered_at=run.entered_step_at,
            left_at=left_at[run.id],
            unfinished=unfinished[run.id],
            zone=zone,
            fields=fields,
            windows=windows[run.sequence_id],
            workspace_id=run.workspace_id,
            subscriber_id=run.subscriber_id,
            weights=weights.get(run.id, {}),
        )
    return found


def answer(
    asking: Iterable[tuple[Run, Outcome]], sequences: Sequences, *, now: datetime
) -> dict[int, tuple[Answers, Moments]]:
    """What outcomes want to know: the `answers` and `happened` of `Facts.after`, by run id."""
    answers: dict[int, tuple[Answers, Moments]] = {}
    rules: dict[tuple[int, str], Question] = {}
    happenings: dict[tuple[int, str], Question] = {}
    for run, outcome in asking:
        answers[run.id] = {}, {}
        for ref in outcome.wants:
            when = cast("When", program_of(run.version_id).arm(ref).when)
            asked = rules if isinstance(when, RuleHolds) else happenings
            asked[run.id, ref] = Question(run, when, outcome.entered_at)
    held = holding(list(rules.values()), sequences, now=now)
    for (run_id, ref), holds in zip(rules, held, strict=True):
        answers[run_id][0][ref] = holds
    moments = first(list(happenings.values()), sequences)
    for (run_id, ref), moment in zip(happenings, moments, strict=True):
        answers[run_id][1][ref] = moment
    return answers


def holding(questions: Sequence[Question], sequences: Sequences, *, now: datetime) -> list[bool]:
    """Whether the rule of each question holds now: one statement for each workspace."""
    by_workspace: dict[int, list[Question]] = defaultdict(list)
    for question in questions:
        by_workspace[question.run.workspace_id].append(question)
    matches: dict[int, set[int]] = {}  # by identity: 1 and true are equal, but not as rules
    for asked in by_workspace.values():
        rules = {id(rule): rule for rule in map(_rule, asked)}
        people = {each.run.subscriber_id for each in asked}
        workspace = sequences[asked[0].run.sequence_id].workspace
        found = compiled.answers(list(rules.values()), workspace, people, now=now)
        matches |= zip(rules, found, strict=True)
    return [each.run.subscriber_id in matches[id(_rule(each))] for each in questions]


def first(questions: Sequence[Question], sequences: Sequences) -> list[datetime | None]:
    """When what each question asks for first happened; None if it has not."""
    moments: list[datetime | None] = [None] * len(questions)
    if not questions:
        return moments
    entries = _entries(questions)
    rows = [(place, *_asked(each)) for place, each in enumerate(questions)]
    names = ("place", *ASKED)
    for place, at, told in sql.fetch("sequences", "happened", sql.columns(names, rows)):
        known = moments[place]
        if known is None or at < known:
            question = questions[place]
            zone = sequences[question.run.sequence_id].workspace.time_zone
            if _meets(question.when, told, entries.get(question.run.id), at=at, zone=zone):
                moments[place] = at
    return moments


def _meets(
    when: When, told: str | None, entry: Mapping[str, Any] | None, *, at: datetime, zone: str
) -> bool:
    """Whether an event of the right name has the properties that a condition asks for."""
    if not isinstance(when, EventHappens) or not when.where:
        return True
    return evaluate.matches(when.where, json.loads(told or "{}"), entry, now=at, zone=zone)


def zone_of(workspace: Workspace) -> ZoneInfo:
    return localtime.zone_or(workspace.time_zone, ZoneInfo("UTC"))[0]


def messages(
    runs: Collection[Run] | Collection[Enrollment],
) -> tuple[dict[int, dict[str, datetime]], dict[int, dict[str, datetime]]]:
    """When messages left and when others may leave, by run and step key."""
    left_at: dict[int, dict[str, datetime]] = {run.id: {} for run in runs}
    unfinished: dict[int, dict[str, datetime]] = {run.id: {} for run in runs}
    wanted = ("id", "sequence_id", "subscriber_id", "run", "entered_step_at")
    columns = {name: [getattr(run, name) for run in runs] for name in wanted}
    for run_id, step_key, may_leave, left in sql.fetch("sequences", "facts", sql.packed(columns)):
        if may_leave:
            unfinished[run_id][step_key] = may_leave
        if left:
            left_at[run_id][step_key] = left
    return left_at, unfinished


def windows_of(sequence: models.Sequence) -> tuple[Window, ...]:
    """When its messages may leave; the quiet hours of the workspace are for marketing alone."""
    workspace = sequence.workspace
    own = localtime.stored(sequence.window, zone=workspace.time_zone)
    return own + (workspace.windows if sequence.message_class == MessageClass.MARKETING else ())


@lru_cache(maxsize=1000)
def _is_local(version_id: int) -> bool:
    """Whether the program asks for the time where the subscriber is, or for a date of theirs."""
    try:
        steps = list(program_of(version_id))
    except Exception:  # noqa: BLE001 - a rotten program is told when its run is interpreted
        return False
    return any(isinstance(step, WaitStep) and not isinstance(step.wait, Delay) for step in steps)


@lru_cache(maxsize=1000)
def _is_varied(version_id: int) -> bool:
    try:
        return bool(program_of(version_id).varied)
    except Exception:  # noqa: BLE001 - as above
        return False


def _people(runs: Collection[Run]) -> dict[int, tuple[str, dict[str, Any]]]:
    """The time zone and the fields of the subscribers of these runs."""
    if not runs:
        return {}
    people = Subscriber.objects.filter(pk__in={run.subscriber_id for run in runs})
    return {
        pk: (zone, fields) for pk, zone, fields in people.values_list("pk", "time_zone", "fields")
    }


def _entries(questions: Iterable[Question]) -> dict[int, dict[str, Any]]:
    """What was told by the events that started the runs, where a condition compares with that."""
    wanted = {
        each.run.id
        for each in questions
        if isinstance(each.when, EventHappens)
        and any(isinstance(one.comparison.value, Entry) for one in each.when.where)
    }
    if not wanted:
        return {}
    found = Enrollment.objects.filter(pk__in=wanted).values_list("pk", "entry")
    return {pk: entry or {} for pk, entry in found}


def _asked(question: Question) -> tuple[Any, ...]:
    """A row of `happened.sql`."""
    run, when, since = question
    kind, name, step_key = _event(when)
    return run.subscriber_id, since, kind, name, run.sequence_id, run.run, step_key


def _event(when: When) -> tuple[str, str, str]:
    """The kind and name of the event, and the step it must be of."""
    match when:
        case EventHappens(name):
            return CUSTOM, name, ""
        case Engages(verb, step_key):
            return f"message.{verb}", "", step_key
    return "message.replied", "", ""


def _rule(question: Question) -> Rule:
    return cast("RuleHolds", question.when).rule
