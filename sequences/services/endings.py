"""Goals and exits: what ends runs before their last step, at once and whatever they wait for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db.models import Q

from emailseq.lib import clock
from sequences import conditions, facts, kinds, signals
from sequences.conditions import RuleHolds, When
from sequences.facts import Question, Sequences
from sequences.models import Ending, Enrollment
from sequences.runs import Run
from sequences.services import goals, lifecycle
from sequences.states import LIVE_RUN, EndingKind
from subscribers.models import Event

Term = tuple[Ending, When]
Asked = tuple[Ending, Question]


def end_reached(runs: Sequence[Run], sequences: Sequences, *, now: datetime) -> set[int]:
    """End those of the live runs that have reached a goal or an exit, and cancel their messages.

    In the caller's transaction. Returns the ids of the runs that ended.
    """
    terms = _terms({run.sequence_id for run in runs})
    asked = [each for run in runs for each in _asked(run, terms.get(run.sequence_id, ()))]
    return _end(asked, sequences, now=now) if asked else set()


def end_by(batch: Iterable[Event]) -> int:
    """The same for the runs of those to whom something has happened that may end them; how many.

    Of runs that have ended, and of who is held out, a goal still counts as a number.
    """
    heard: dict[int, set[str]] = defaultdict(set)
    for event in batch:
        if event.subscriber_id and not event.late:
            heard[event.subscriber_id].add(signals.signal(event.kind, event.name))
    now = clock.db_now()
    concerned = Enrollment.objects.filter(
        Q(state__in=LIVE_RUN, sequence__endings__isnull=False) | Q(goal_until__gt=now),
        subscriber__in=heard,
    )
    rows = [*concerned.distinct().values_list("state", *Run._fields)]
    if not rows:
        return 0
    runs = [(Run._make(row), state in LIVE_RUN) for state, *row in rows]
    terms = _terms({run.sequence_id for run, _ in runs})
    asked: list[Asked] = []
    for run, is_live in runs:
        open_to = [one for one in terms[run.sequence_id] if is_live or _is_goal(one[0])]
        if any(signals.of_when(when) & heard[run.subscriber_id] for _, when in open_to):
            asked += _asked(run, open_to)
    sequences = facts.sequences_of([question.run for _, question in asked])
    return len(_end(asked, sequences, now=now))


def _asked(run: Run, terms: Iterable[Term]) -> list[Asked]:
    return [(ending, Question(run, when, run.started_at)) for ending, when in terms]


def _end(asked: Sequence[Asked], sequences: Sequences, *, now: datetime) -> set[int]:
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
    goals.count([run_id for run_id, ending in reached.items() if _is_goal(ending)])
    return ended


def _is_goal(ending: Ending) -> bool:
    return ending.kind == EndingKind.GOAL


def _kind(ending: Ending) -> str:
    return kinds.ENROLLMENT_GOAL if _is_goal(ending) else kinds.ENROLLMENT_EXITED


def _terms(sequence_ids: Collection[int]) -> dict[int, list[Term]]:
    found: dict[int, list[Term]] = defaultdict(list)
    for ending in Ending.objects.filter(sequence__in=sequence_ids).order_by("pk"):
        found[ending.sequence_id].append((ending, conditions.parse(ending.when)))
    return found
