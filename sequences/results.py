"""What comes of a sequence: by step and variant, and beside those who are held out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from analytics import results as counted
from analytics.results import Results, Runs
from emailseq.lib import clock, stats
from emailseq.lib.stats import Count, Interval
from sequences import draft
from sequences.draft import Node
from sequences.models import Enrollment, Sequence, SequenceVersion
from sequences.runs import program_of


@dataclass(frozen=True)
class StepReport:
    """Of one step: how many wait there now, what has come of it, and of each variant."""

    key: str
    waiting: int
    total: Results
    variants: dict[str, Results]


@dataclass(frozen=True)
class Report:
    """Of a sequence: its messages in `total`, its `runs`, its `steps` in order, and how
    many people are `inside` now.

    `all_runs` are those of all versions at all times, which alone are compared with those held out.
    """

    total: Results
    runs: Runs
    all_runs: Runs
    steps: list[StepReport]
    inside: int

    @cached_property
    def lift(self) -> Interval | None:
        """By which part more of those who run reach a goal; None while it cannot be said."""
        runs = self.all_runs
        ours = Count(min(runs.compared_goal, runs.compared), runs.compared)
        theirs = Count(min(runs.held_out_goal, runs.held_out), runs.held_out)
        return stats.lift(ours, theirs)


def report(
    sequence: Sequence,
    *,
    version: SequenceVersion | None = None,
    period: timedelta | None = None,
    nodes: Iterable[Node] | None = None,
) -> Report:
    """Of all versions, with the steps of the draft (its `nodes`), or of one, with the steps of
    that; at all times, or in the last whole hours of a period.

    Three queries over rollups at most, and those who are inside are counted.
    """
    since = clock.now() - period if period else None
    own = [version.pk] if version else None
    found = counted.results(sequence.pk, version_ids=own, since=since)
    all_runs = counted.runs(sequence.pk)
    runs = counted.runs(sequence.pk, version_ids=own, since=since) if own or since else all_runs
    inside = Enrollment.objects.filter(version=version) if version else Enrollment.objects.all()
    waiting = inside.waiting_by_step(sequence)
    keys = _keys_of(version) if version else _keys(draft.read(sequence) if nodes is None else nodes)
    steps = [_step(key, found, waiting.get(key, 0)) for key in keys]
    total = sum(found.values(), Results())
    return Report(total, runs, all_runs, steps, sum(waiting.values()))


def _keys_of(version: SequenceVersion) -> list[str]:
    return [step.key for step in program_of(version.pk)]


def _keys(nodes: Iterable[Node]) -> list[str]:
    return [node.step.key for node in draft.walk(nodes)]


def _step(key: str, found: dict[tuple[str, str], Results], waiting: int) -> StepReport:
    own = {variant: each for (step, variant), each in found.items() if step == key}
    variants = {variant: each for variant, each in own.items() if variant}
    return StepReport(key, waiting, sum(own.values(), Results()), variants)
