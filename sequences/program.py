"""The program of a sequence, frozen: what a run follows, whatever becomes of the draft. Pure.

Steps stand in blocks: a branch, a split or a wait-until owns arms, and arms own steps. A run that
comes to the end of an arm goes on after its block, so there are no loops, and nothing that cannot
be reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from sequences import actions, conditions, schedule
from sequences.actions import Action
from sequences.conditions import When
from sequences.schedule import Wait

CLICK, GOAL = METRICS = ("click", "goal")  # by what a variant is the better one
MINIMUM = 100  # how often each is tried, at least, before one can win
ELSE, TIMEOUT = "else", "timeout"  # the reserved keys of the last arm of a branch, a wait-until


@dataclass(frozen=True)
class Variant:
    """One of several contents of an email."""

    key: str
    weight: int
    template_version_id: int


@dataclass(frozen=True)
class EmailStep:
    """Send one message. `key` names the step in every version, run and message.

    With `variants`, each subscriber gets the same one of them every time. With a `metric` they are
    on trial: the shares change, and one wins once each has been tried `minimum` times. `thread` is
    the key of the earlier step whose message this one answers.
    """

    kind: ClassVar = "email"
    key: str
    template_version_id: int
    variants: tuple[Variant, ...] = ()
    thread: str = ""
    metric: str = ""
    minimum: int = MINIMUM

    @property
    def contents(self) -> dict[str, int]:
        """What each variant says, by its key."""
        return {variant.key: variant.template_version_id for variant in self.variants}


@dataclass(frozen=True)
class WaitStep:
    """Let time pass; after emails it counts from when the last of them left."""

    kind: ClassVar = "wait"
    key: str
    wait: Wait


@dataclass(frozen=True)
class Arm:
    """A way through a block: `when` it is taken, or with which `weight`."""

    key: str
    steps: tuple[Step, ...] = ()
    when: When | None = None
    weight: int = 0
    name: str = ""


@dataclass(frozen=True)
class WaitUntilStep:
    """Wait for the first of several things to happen, or else for `timeout` to pass."""

    kind: ClassVar = "wait_until"
    key: str
    arms: tuple[Arm, ...]
    timeout: timedelta


@dataclass(frozen=True)
class BranchStep:
    """Take the first arm whose rule holds, or else the last."""

    kind: ClassVar = "branch"
    key: str
    arms: tuple[Arm, ...]


@dataclass(frozen=True)
class SplitStep:
    """Divide people by weight; each takes the same arm every time."""

    kind: ClassVar = "split"
    key: str
    arms: tuple[Arm, ...]


@dataclass(frozen=True)
class ActionStep:
    """Do something else than sending, at once."""

    kind: ClassVar = "action"
    key: str
    action: Action


@dataclass(frozen=True)
class ExitStep:
    """End the run, for this reason."""

    kind: ClassVar = "exit"
    key: str
    reason: str


Block = WaitUntilStep | BranchStep | SplitStep
Step = EmailStep | WaitStep | Block | ActionStep | ExitStep


class Place(NamedTuple):
    """Where a step stands: the `number`-th of `row`, which is an `arm` of `block`, or the program.

    Numbers begin at 0.
    """

    step: Step
    row: tuple[Step, ...]
    number: int
    block: Block | None
    arm: str


@dataclass(frozen=True)
class Program:
    """Steps in order.

    A position is a step's key, '' before the first, or a key with a slash for who has come by and
    not yet to what follows: `step/arm` into an arm of a block, `step/` out of the whole step.
    """

    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        """Every step, a block before what stands in its arms."""
        return (place.step for place in self._places.values())

    def at(self, position: str) -> Step | None:
        """The step of that key; None before the first, and in between.

        Raises KeyError for a foreign key.
        """
        return self.place(position).step if position and "/" not in position else None

    def arm(self, ref: str) -> Arm:
        """The arm that `step/arm` names. Raises KeyError for a foreign one."""
        step_key, _, key = ref.partition("/")
        block = self.at(step_key)
        for arm in block.arms if isinstance(block, Block) else ():
            if arm.key == key:
                return arm
        raise KeyError(f"The program has no arm {ref!r}.")

    def after(self, position: str) -> Step | None:
        """What follows the step, whatever stands in its arms; None at the end.

        In an arm (`step/arm`), that is the first step of it, if it has any.
        """
        key, _, arm = position.partition("/")
        inside = self.arm(position).steps if arm else () if key else self.steps
        if inside or not key:
            return inside[0] if inside else None
        place = self.place(key)
        while place.number + 1 == len(place.row):
            if place.block is None:
                return None
            place = self.place(place.block.key)
        return place.row[place.number + 1]

    def emails_just_before(self, step: Step) -> frozenset[str]:
        """The keys of the emails that may have been queued since the run last waited."""
        return self._recent[step.key]

    @cached_property
    def emails(self) -> tuple[str, ...]:
        """The keys of all emails, in order."""
        return tuple(step.key for step in self if isinstance(step, EmailStep))

    @cached_property
    def varied(self) -> tuple[EmailStep, ...]:
        """The emails that have variants."""
        return tuple(step for step in self if isinstance(step, EmailStep) and step.variants)

    @cached_property
    def content_ids(self) -> frozenset[int]:
        """The ids of all that its emails may say."""
        emails = [step for step in self if isinstance(step, EmailStep)]
        own = {step.template_version_id for step in emails}
        return frozenset(own.union(*(_content_ids(step) for step in emails)))

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def place(self, key: str) -> Place:
        """Where the step of that key stands. Raises KeyError for a foreign one."""
        try:
            return self._places[key]
        except KeyError:
            raise KeyError(f"The program has no step {key!r}.") from None

    @cached_property
    def _places(self) -> dict[str, Place]:
        return {place.step.key: place for place in _places(self.steps, None, "")}

    @cached_property
    def _recent(self) -> dict[str, frozenset[str]]:
        recent: dict[str, frozenset[str]] = {}
        _gather_recent(self.steps, frozenset(), recent)
        return recent


def _content_ids(step: EmailStep) -> set[int]:
    return {variant.template_version_id for variant in step.variants}


def _places(row: tuple[Step, ...], block: Block | None, arm: str) -> Iterator[Place]:
    for number, step in enumerate(row):
        yield Place(step, row, number, block, arm)
        if isinstance(step, Block):
            for each in step.arms:
                yield from _places(each.steps, step, each.key)


def _gather_recent(
    row: tuple[Step, ...], emails: frozenset[str], recent: dict[str, frozenset[str]]
) -> frozenset[str]:
    """Note the recent emails of each step of a row; returns those at its end."""
    for step in row:
        recent[step.key] = emails
        match step:
            case EmailStep():
                emails |= {step.key}
            case WaitStep():
                emails = frozenset()
            case WaitUntilStep() | BranchStep() | SplitStep():
                since = frozenset[str]() if isinstance(step, WaitUntilStep) else emails
                ways = [_gather_recent(arm.steps, since, recent) for arm in step.arms]
                emails = frozenset[str]().union(*ways)
    return emails


def freeze(program: Program) -> dict[str, Any]:
    """As JSON, for a version row; `load` is the inverse."""
    return {"steps": [_freeze_step(step) for step in program.steps]}


def load(frozen: Mapping[str, Any]) -> Program:
    """What `freeze` made. Raises KeyError, ValueError or Invalid for anything else."""
    return Program(tuple(_load_step(step) for step in frozen["steps"]))


def _freeze_step(step: Step) -> dict[str, Any]:
    return {"kind": step.kind, "key": step.key, **_freeze_settings(step)}


def _freeze_settings(step: Step) -> dict[str, Any]:
    match step:
        case EmailStep(_, version_id, variants, thread, metric, minimum):
            email: dict[str, Any] = {"template_version_id": version_id}
            if variants:
                email["variants"] = [asdict(variant) for variant in variants]
            if metric:
                email |= {"metric": metric, "minimum": minimum}
            return email | {"thread": thread} if thread else email
        case WaitStep(_, wait):
            return schedule.dump(wait)
        case WaitUntilStep(_, arms, timeout):
            return {"timeout": timeout.total_seconds(), **_freeze_arms(arms)}
        case BranchStep(_, arms) | SplitStep(_, arms):
            return _freeze_arms(arms)
        case ActionStep(_, action):
            return {"action": actions.dump(action)}
    return {"reason": step.reason}


def _freeze_arms(arms: tuple[Arm, ...]) -> dict[str, Any]:
    return {
        "arms": [
            {
                "key": arm.key,
                "name": arm.name,
                "when": arm.when and conditions.dump(arm.when),
                "weight": arm.weight,
                "steps": [_freeze_step(step) for step in arm.steps],
            }
            for arm in arms
        ]
    }


def _load_step(frozen: Mapping[str, Any]) -> Step:
    key = frozen["key"]
    match frozen["kind"]:
        case "email":
            variants = tuple(Variant(**variant) for variant in frozen.get("variants", ()))
            return EmailStep(
                key,
                frozen["template_version_id"],
                variants,
                frozen.get("thread", ""),
                frozen.get("metric", ""),
                frozen.get("minimum", MINIMUM),
            )
        case "wait":
            wait = {name: frozen[name] for name in frozen.keys() - {"kind", "key"}}
            return WaitStep(key, schedule.parse(wait))
        case "wait_until":
            timeout = timedelta(seconds=frozen["timeout"])
            return WaitUntilStep(key, _load_arms(frozen, last=TIMEOUT), timeout)
        case "branch":
            return BranchStep(key, _load_arms(frozen, last=ELSE))
        case "split":
            return SplitStep(key, _load_arms(frozen))
        case "action":
            return ActionStep(key, actions.parse(frozen["action"]))
        case "exit":
            return ExitStep(key, frozen["reason"])
        case kind:
            raise ValueError(f"A program has no steps of the kind {kind!r}.")


def _load_arms(frozen: Mapping[str, Any], *, last: str = "") -> tuple[Arm, ...]:
    arms = tuple(
        Arm(
            arm["key"],
            tuple(_load_step(step) for step in arm["steps"]),
            conditions.parse(arm["when"]) if arm.get("when") else None,
            arm.get("weight", 0),
            arm.get("name", ""),
        )
        for arm in frozen["arms"]
    )
    if not arms or arms[-1].key != (last or arms[-1].key):
        raise ValueError(f"The last arm of {frozen['key']!r} is not {last!r}.")
    return arms
