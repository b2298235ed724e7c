"""From documents to rows: steps are read with all that stands in their arms, then written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from emailseq.lib import ids
from emailseq.lib.errors import Invalid, Problem
from sequences.models import Sequence, Step, StepVariant
from sequences.models.step import MAX_KEY
from sequences.services.edit import readers, settings
from sequences.services.edit.names import Names
from sequences.services.edit.opening import STEP
from sequences.services.edit.settings import Settings
from sequences.states import StepKind
from subscribers.segments.reading import Object, fault, word

MAX_STEPS, MAX_DEPTH = 500, 10


class Place(NamedTuple):
    """Where a step stands: as the `number`-th in an `arm` of the step `parent`, by its key."""

    parent: str = ""
    arm: str = ""
    number: int = 1
    depth: int = 1


@dataclass(frozen=True)
class Sprout:
    """A step of a document, fit to become a row; `arms` are the steps of each arm."""

    key: str
    kind: str
    told: Settings
    arms: Mapping[str, tuple[Sprout, ...]] = field(default_factory=dict)

    def walk(self) -> Iterator[Sprout]:
        yield self
        for row in self.arms.values():
            for inner in row:
                yield from inner.walk()


class Bed:
    """Reads steps, and gives keys to those that have none.

    A step without a key that comes to the place of one of the `standing`, and is of its kind, gets
    the key of that: the same document makes the same rows however often it is read.
    """

    def __init__(
        self, names: Names, standing: Iterable[Step] = (), *, taken: Iterable[str] = ()
    ) -> None:
        self.names = names
        self._taken = set(taken)
        self._kinds = {step.key: step.kind for step in standing}
        self._standing = {
            (step.parent.key if step.parent else "", step.arm, step.position, step.kind): step.key
            for step in standing
        }

    def read_steps(self, value: Any, at: str, place: Place) -> tuple[Sprout, ...]:
        """Every step of a list. Raises Invalid with the faults of all of them."""
        if not isinstance(value, list):
            raise fault(at, "invalid", "This must be a list of steps.")
        if place.depth > MAX_DEPTH and value:
            raise fault(at, "too_deep", f"Arms stand at most {MAX_DEPTH} deep.")
        sprouts, problems = [], list[Problem]()
        for index, each in enumerate(value):
            own, pointer = place._replace(number=index + 1), f"{at}/{index}"
            try:
                sprouts.append(self._read(Object(each, pointer).left, pointer, own))
            except Invalid as error:
                problems += error.errors
        if problems:
            raise Invalid(problems)
        return tuple(sprouts)

    def read_step(self, kind: str, members: Mapping[str, Any], place: Place) -> Sprout:
        """One step, whose members stand at the root of what was given."""
        return self._read({"kind": kind, **members}, "", place)

    def _read(self, members: dict[str, Any], at: str, place: Place) -> Sprout:
        given = Object({name: members.pop(name) for name in ("key", "kind") if name in members}, at)
        kind = given.take("kind", word(StepKind.values))
        own = given.take("key", self._own_key, default="")
        given.close()
        key = own or self._key(place, kind)
        if self._kinds.get(key, kind) != kind:
            said = f"“{key}” is a step of another kind, “{self._kinds[key]}”: choose another key."
            raise fault(f"{at}/kind", "invalid", said)
        told = settings.read(kind, members, at, self.names)
        arms, problems = {}, list[Problem]()
        for arm in told.arms:
            inner = Place(key, arm.settings["key"], depth=place.depth + 1)
            try:
                arms[inner.arm] = self.read_steps(arm.steps, arm.at, inner)
            except Invalid as error:
                problems += error.errors
        if problems:
            raise Invalid(problems)
        return Sprout(key, kind, told, arms)

    def _own_key(self, value: Any, at: str) -> str:
        key = str(readers.key(MAX_KEY)(value, at))
        if key in self._taken:
            raise fault(at, "duplicate", f"There is another step “{key}”.")
        self._taken.add(key)
        return key

    def _key(self, place: Place, kind: str) -> str:
        standing = self._standing.get((place.parent, place.arm, place.number, kind))
        if standing is None or standing in self._taken or self.names.mentions(standing):
            return new_key()
        self._taken.add(standing)
        return standing


def new_key() -> str:
    return ids.encode("stp", ids.new())


def write(
    sequence: Sequence,
    sprouts: Iterable[Sprout],
    *,
    parent: Step | None = None,
    arm: str = "",
    first: int = 1,
) -> list[Step]:
    """Make or update the rows of these steps and of all in their arms; returns those of these."""
    level = [(sprout, parent, arm, number) for number, sprout in enumerate(sprouts, first)]
    top: list[Step] = []
    while level:
        rows = [_row(sequence, *each) for each in level]
        Step.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["sequence", "key"],
            update_fields=STEP,
        )
        _write_variants([(row, sprout.told) for row, (sprout, *_) in zip(rows, level, strict=True)])
        top = top or rows
        level = [
            (inner, row, name, number)
            for row, (sprout, *_) in zip(rows, level, strict=True)
            for name, steps in sprout.arms.items()
            for number, inner in enumerate(steps, 1)
        ]
    return top


def tell(step: Step, told: Settings) -> None:
    """Give a row of the same kind other settings."""
    step.template, step.delay, step.settings = told.template, told.delay, told.settings
    step.save(update_fields=["template", "delay", "settings"])
    _write_variants([(step, told)])


def check_room(sequence: Sequence, more: int = 0) -> None:
    """Raise Invalid when a sequence has more steps than it may."""
    if sequence.steps.count() + more > MAX_STEPS:
        raise fault("/steps", "too_long", f"A sequence has at most {MAX_STEPS} steps.")


def _row(sequence: Sequence, sprout: Sprout, parent: Step | None, arm: str, number: int) -> Step:
    told = sprout.told
    return Step(
        sequence=sequence,
        parent=parent,
        arm=arm,
        key=sprout.key,
        position=number,
        kind=sprout.kind,
        template=told.template,
        delay=told.delay,
        settings=told.settings,
    )


def _write_variants(told: Iterable[tuple[Step, Settings]]) -> None:
    told = [*told]
    StepVariant.objects.filter(step__in=[step for step, _ in told]).delete()
    StepVariant.objects.bulk_create(
        StepVariant(step=step, key=key, position=number, template=template, weight=weight)
        for step, settings in told
        for number, (key, template, weight) in enumerate(settings.variants, 1)
    )
