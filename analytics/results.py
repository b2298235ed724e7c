"""What comes of a sequence: by step and variant, under all versions or one, at all times or lately.

Each function costs one query over rollups, however many events there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import NamedTuple, Self

from django.db.models import Q, QuerySet, Sum

from analytics.models import Rollup
from analytics.numbers import SUMS, Numbers
from delivery.states import SourceKind


@dataclass(frozen=True)
class Results(Numbers):
    """What became of messages; how many runs `reached` their step, how many `left` there, early,
    and for how many the message came before a `goal`."""

    reached: int = 0
    goal: int = 0
    left: int = 0

    def __add__(self, other: Self) -> Results:
        pairs = ((getattr(self, each.name), getattr(other, each.name)) for each in fields(self))
        return Results(*(ours + theirs for ours, theirs in pairs))


class Runs(NamedTuple):
    """What became of runs. The last four are of those that are compared, since some are held out:
    how many there were of each group, and how many of them reached a goal."""

    started: int
    completed: int
    left: int
    goal: int
    compared: int
    compared_goal: int
    held_out: int
    held_out_goal: int


def results(
    sequence_id: int,
    *,
    version_ids: Collection[int] | None = None,
    since: datetime | None = None,
) -> dict[tuple[str, str], Results]:
    """By step key and variant; '' is an email without any, and what became of runs."""
    rows = _of(sequence_id, version_ids, since).values_list("step_key", "variant")
    found = rows.annotate(**SUMS, **_MORE).order_by("step_key", "variant")
    return {(step_key, variant): Results(*sums) for step_key, variant, *sums in found}


def by_version(sequence_id: int) -> dict[int, Results]:
    """All of each version, by its id."""
    rows = _of(sequence_id, None, None).values_list("version_id")
    found = rows.annotate(**SUMS, **_MORE).order_by("version_id")
    return {version_id: Results(*sums) for version_id, *sums in found}


def runs(
    sequence_id: int,
    *,
    version_ids: Collection[int] | None = None,
    since: datetime | None = None,
) -> Runs:
    """Of the sequence as a whole."""
    kinds = ["started", "completed", "exited", "failed", "held_out"]
    wanted = [*(f"enrollment.{kind}" for kind in kinds), "goal.reached"]
    rows = _of(sequence_id, version_ids, since).filter(kind__in=wanted)
    counts = Counter[tuple[str, str]]()
    for kind, verdict, count in rows.values_list("kind", "verdict").annotate(Sum("count")):
        counts[kind, verdict] += count
        counts[kind, "any"] += count
    held_out_goal = counts["goal.reached", "held_out"]
    return Runs(
        started=counts["enrollment.started", "any"],
        completed=counts["enrollment.completed", "any"],
        left=counts["enrollment.exited", "any"] + counts["enrollment.failed", "any"],
        goal=counts["goal.reached", "any"] - held_out_goal,
        compared=counts["enrollment.started", "compared"],
        compared_goal=counts["goal.reached", "compared"],
        held_out=counts["enrollment.held_out", "any"],
        held_out_goal=held_out_goal,
    )


def _of(
    sequence_id: int, version_ids: Collection[int] | None, since: datetime | None
) -> QuerySet[Rollup]:
    rows = Rollup.objects.filter(source_kind=SourceKind.SEQUENCE, source_id=sequence_id)
    if version_ids is not None:
        rows = rows.filter(version_id__in=version_ids)
    return rows.filter(hour__gt=since) if since else rows


def _sum(condition: Q) -> Sum:
    return Sum("count", filter=condition, default=0)


_MORE = {
    # A wait for something is left by an arm, which the log tells too.
    "reached": _sum(Q(kind="enrollment.step", verdict="")),
    "goal": _sum(Q(kind="goal.credited")),
    "left": _sum(Q(kind__in=("enrollment.exited", "enrollment.failed"))),
}
