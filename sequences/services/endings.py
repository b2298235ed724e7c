"""Goals and exits: what ends runs before their last step, at once and whatever they wait for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from emailseq.lib import clock
from sequences import conditions, facts, kinds, signals
from sequences.conditions import RuleHolds, When
from sequences.facts import Question, Sequences
from sequences.models import Ending, Enrollment
from sequences.runs import Run
from sequences.services import lifecycle
from sequences.states import EndingKind
from subscribers.models import Event

Terms = Mapping[int, list[tuple[Ending, When]]]  # by sequence, in order


def end_reached(runs: Sequence[Run], sequences: Sequences, *, now: datetime) -> set[int]:
    """End those of the live runs that have reached a goal or an exit, and cancel their messages.

    In the caller's transaction. Returns the ids of the runs that ended.
    """
    terms = _terms({run.sequence_id for run in runs})
    return _end(runs, terms, sequences, now=now) if terms else set()


def end_by(batch: Iterable[Event]) -> int:
    """The same for the runs of those to whom something has happened that may end them; how many."""
    heard: dict[int, set[str]] = defaultdict(set)
    for event in batch:
        if event.subscriber_id and not event.late:
            heard[event.subscriber_id].add(signals.signal(event.kind, event.name))
    live = Enrollment.objects.live().filter(subscriber__in=heard, sequence__endings__isnull=False)
    inside = [Run._make(row) for row in live.distinct().values_list(*Run._fields)]
    if not inside:
        return 0
    terms = _terms({run.sequence_id for run in inside})
    concerned = [
        run
        for run in inside
        if any(
            signals.of_when(when) & heard[run.subscriber_id] for _, when in terms[run.sequence_id]
        )
    ]
    sequences = facts.sequences_of(concerned)
    return len(_end(concerned, terms, sequences, now=clock.db_now()))


def _end(runs: Sequence[Run], terms: Terms, sequences: Sequences, *, now: datetime) -> set[int]:
    asked = [
        (ending, Question(run, when, run.started_at))
        for run in runs
        for ending, when in terms.get(run.sequence_id, ())
    ]
    is_rule = [isinstance(question.when, RuleHolds) for _, question in asked]
    rules = [question for (_, question), rule in zip(asked, is_rule, strict=True) if rule]
    others = [question for (_, question), rule in zip(asked, is_rule, strict=True) if not rule]
    holds = iter(facts.holding(rules, sequences, now=now))
    moments = iter(facts.first(others, sequences))
    reached: dict[int, Ending] = {}
    for (ending, question), rule in zip(asked, is_rule, strict=True):
        if next(holds) if rule else next(moments):
            reached.setdefault(question.run.id, ending)
    by_ending: dict[Ending, list[int]] = defaultdict(list)
    for run_id, ending in reached.items():
        by_ending[ending].append(run_id)
    ended: set[int] = set()
    for ending in sorted(by_ending, key=lambda one: one.pk):
        ended |= lifecycle.end(by_ending[ending], reason=ending.name, kind=_kind(ending))
    return ended


def _kind(ending: Ending) -> str:
    return kinds.ENROLLMENT_GOAL if ending.kind == EndingKind.GOAL else kinds.ENROLLMENT_EXITED


def _terms(sequence_ids: Collection[int]) -> dict[int, list[tuple[Ending, When]]]:
    found: dict[int, list[tuple[Ending, When]]] = defaultdict(list)
    for ending in Ending.objects.filter(sequence__in=sequence_ids).order_by("pk"):
        found[ending.sequence_id].append((ending, conditions.parse(ending.when)))
    return found
