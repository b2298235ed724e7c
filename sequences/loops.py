"""Sequences that lead into each other: A enrolls in B, and B in A."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from accounts.models import Workspace
from emailseq.lib import ids
from sequences import program
from sequences.actions import Enroll
from sequences.models import Sequence
from sequences.program import (
    ActionStep,
    BranchStep,
    ExitStep,
    Program,
    SplitStep,
    Step,
    WaitStep,
    WaitUntilStep,
)


class Way(NamedTuple):
    """A step that enrolls in another sequence; instant, if one may get there without waiting."""

    step_key: str
    target: str
    instant: bool


class Loop(NamedTuple):
    """A way that ends where it began: the names of the sequences on it, from the next on."""

    step_key: str
    through: tuple[str, ...]
    instant: bool


class _Stop(NamedTuple):
    """A sequence on the way."""

    name: str
    ways: tuple[Way, ...]


def find(sequence: Sequence, drafted: Program) -> list[Loop]:
    """The loops that a program would close, with the live versions of the other sequences."""
    own = sequence.public_id
    stops = _stops(sequence.workspace, {own: _Stop(sequence.name, ways(drafted))})
    loops = []
    for way in stops[own].ways:
        for instant in (True, False) if way.instant else (False,):
            if path := _path(stops, way.target, own, only_instant=instant):
                names = tuple(stops[name].name for name in path)
                loops.append(Loop(way.step_key, names, instant))
                break
    return loops


def ways(of: Program) -> tuple[Way, ...]:
    """Where a program enrolls people elsewhere."""
    found: list[Way] = []
    _gather(of.steps, found, waited=False)
    return tuple(found)


def _gather(row: Iterable[Step], found: list[Way], *, waited: bool) -> bool:
    """Note the ways of a row; whether everybody has waited who comes to its end."""
    for step in row:
        match step:
            case ActionStep(key, Enroll(target)):
                found.append(Way(key, target, not waited))
            case WaitStep() | ExitStep():
                waited = True
            case WaitUntilStep():
                for arm in step.arms:
                    _gather(arm.steps, found, waited=True)
                waited = True
            case BranchStep() | SplitStep():
                ends = [_gather(arm.steps, found, waited=waited) for arm in step.arms]
                waited = all(ends)
    return waited


def _stops(workspace: Workspace, stops: dict[str, _Stop]) -> dict[str, _Stop]:
    """The sequences that can be got to from these, with these: one query a remove."""
    live = Sequence.objects.of(workspace).exclude(live_version=None).select_related("live_version")
    beyond = {way.target for stop in stops.values() for way in stop.ways} - stops.keys()
    while beyond:
        uids = [uid for name in beyond if (uid := ids.decode(Sequence.prefix, name))]
        found = {
            each.public_id: _Stop(each.name, ways(program.load(each.live_version.program)))
            for each in live.filter(uid__in=uids)
            if each.live_version
        }
        stops |= found
        beyond = {way.target for stop in found.values() for way in stop.ways} - stops.keys()
    return stops


def _path(
    stops: Mapping[str, _Stop], start: str, end: str, *, only_instant: bool
) -> tuple[str, ...] | None:
    """The shortest way from one sequence to another, by their public ids; None if there is none."""
    paths: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    for path in paths:
        if path[-1] == end:
            return path
        for way in stops[path[-1]].ways if path[-1] in stops else ():
            if way.target not in seen and (way.instant or not only_instant):
                seen.add(way.target)
                paths.append((*path, way.target))
    return None
