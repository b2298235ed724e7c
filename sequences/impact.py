"""What publishing the draft would mean for those who are inside."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from emailseq.lib import signing
from emailseq.lib.errors import Stale
from sequences import diff, draft, frozen, places, versions
from sequences.models import Enrollment, Sequence, SequenceVersion
from sequences.program import Program, WaitStep, WaitUntilStep
from sequences.runs import program_of
from sequences.schedule import Delay

_TOLERANCE = 0.1  # as much may a number change between looking and publishing
_PURPOSE = "i"


@dataclass(frozen=True)
class Standing:
    """People who stand at one step of one version, and where they would go on, if moved.

    `step` is '' for those who have not begun, `then` is where they would stay or what would come
    next, '' for the end; `passed_over` are emails and actions that they would not come to any more.
    """

    version: int
    step: str
    label: str
    people: int
    removed: bool
    then: str
    then_label: str
    passed_over: tuple[str, ...]


@dataclass(frozen=True)
class Wait:
    """A wait that would be shorter or longer than in a version with people at it."""

    step: str
    label: str
    version: int
    before: timedelta
    after: timedelta
    people: int


@dataclass(frozen=True)
class Impact:
    """`token` stands for these numbers: `publish` refuses when they have become others."""

    inside: int
    standing: tuple[Standing, ...]
    waits: tuple[Wait, ...]
    token: str


def impact(sequence: Sequence) -> Impact:
    """Who stands where, and what would become of them. Their exact ways may skip more steps."""
    return _Look(sequence).impact()


def check(sequence: Sequence, token: str) -> None:
    """Raise Stale when the numbers behind the token are not those of now, by more than a tenth."""
    try:
        seen = json.loads(signing.read(_PURPOSE, token))
    except (signing.BadToken, ValueError):
        raise Stale("That is no impact of this draft: look at it again.") from None
    now = _Look(sequence).numbers
    if seen[:2] != now[:2]:
        raise Stale("The draft has changed since you saw its impact: look at it again.")
    if any(abs(a - b) > _TOLERANCE * max(a, b) for a, b in zip(seen[2:], now[2:], strict=True)):
        raise Stale("Many people have moved since you saw the impact: look at it again.")


class _Look:
    """One look at the draft, the versions that have people inside, and where these stand."""

    def __init__(self, sequence: Sequence) -> None:
        self.sequence = sequence
        self.counts = Enrollment.objects.all().standing(sequence)
        with_people = {version for version, _ in self.counts}
        self.versions = SequenceVersion.objects.in_bulk(with_people)
        self.programs = {pk: program_of(pk) for pk in self.versions}
        self.old_labels = {
            pk: diff.labels(versions.document(each)) for pk, each in self.versions.items()
        }
        self.nodes = draft.read(sequence)
        self.labels = {node.step.key: node.label for node in draft.walk(self.nodes)}

    @cached_property
    def new(self) -> Program:
        return frozen.program(self.nodes, defaultdict(int))

    @property
    def numbers(self) -> list[int]:
        """The sequence and its revision, and then how many are inside, and at removed steps."""
        removed = sum(people for (_, at), people in self.counts.items() if self._is_removed(at))
        inside = sum(self.counts.values())
        return [self.sequence.pk, self.sequence.revision, inside, removed]

    def impact(self) -> Impact:
        token = signing.sign(_PURPOSE, json.dumps(self.numbers).encode())
        standing = tuple(self._standing(*at, people) for at, people in self.counts.items())
        return Impact(sum(self.counts.values()), standing, tuple(self._waits()), token)

    def _standing(self, version_id: int, position: str, people: int) -> Standing:
        old, key = self.programs[version_id], position.partition("/")[0]
        had = places.effects(places.behind(old, position))
        place = places.relocate(old, self.new, position, had)
        if place == key != "":
            then = key
        else:
            then = following.key if (following := self.new.after(place)) else ""
        return Standing(
            self.versions[version_id].number,
            key,
            self.old_labels[version_id].get(key, ""),
            people,
            self._is_removed(position),
            then,
            self.labels.get(then, ""),
            tuple(places.passed_over(old, self.new, position, place)),
        )

    def _is_removed(self, position: str) -> bool:
        key = position.partition("/")[0]
        return bool(key) and key not in self.new

    def _waits(self) -> Iterator[Wait]:
        for (version_id, position), people in self.counts.items():
            if position not in self.programs[version_id] or position not in self.new:
                continue
            before = _length(self.programs[version_id], position)
            after = _length(self.new, position)
            if before and after and before != after:
                number = self.versions[version_id].number
                yield Wait(position, self.labels[position], number, before, after, people)


def _length(of: Program, key: str) -> timedelta | None:
    """How long a step lets people wait, if that is the same for all."""
    step = of.place(key).step
    if isinstance(step, WaitStep) and isinstance(step.wait, Delay):
        return step.wait.length
    return step.timeout if isinstance(step, WaitUntilStep) else None
