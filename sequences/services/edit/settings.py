"""What each kind of step takes, as the members of a document; `sequences.draft` shows one.

A draft may be incomplete, so that it can be written in any order: what stands here is required to
make a row, and what `sequences.validate` finds, to publish it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from sequences import schedule
from sequences.models.step import MAX_KEY, MAX_VARIANT_KEY
from sequences.program import METRICS
from sequences.schedule import Delay, UntilDate
from sequences.services.edit import acts, blocks, readers
from sequences.services.edit.names import Names
from sequences.states import StepKind
from subscribers.segments import reading
from subscribers.segments.reading import Object, fault
from templates_app.models import Template

Variant = tuple[str, Template, int]  # key, content, weight


@dataclass(frozen=True)
class Settings:
    """What a step is told, ready for a row; `arms`: with the steps as they were given."""

    template: Template | None = None
    delay: timedelta | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    arms: tuple[blocks.Arm, ...] = ()


def read(kind: str, members: Mapping[str, Any], at: str, names: Names) -> Settings:
    """The settings of a step of that kind; None is not given. Raises Invalid with every fault."""
    given = Object({name: value for name, value in members.items() if value is not None}, at)
    settings = KINDS[kind](given, names)
    given.close()
    return settings


def _email(given: Object, names: Names) -> Settings:
    template = given.take("template", names.row(Template))
    thread = given.take("thread", readers.key(MAX_KEY), default="")
    variants = given.take("variants", partial(_variants, names), default=())
    metric = given.take("metric", reading.word(METRICS), default="")
    minimum = given.take("minimum", readers.minimum, default=0)
    told = {"thread": thread, "metric": metric, "minimum": minimum}
    settings = {name: value for name, value in told.items() if value}
    return Settings(template, settings=settings, variants=variants or ())


def _variants(names: Names, value: Any, at: str) -> tuple[Variant, ...]:
    def one(value: Any, at: str) -> Variant:
        given = Object(value, at)
        key = given.take("key", readers.key(MAX_VARIANT_KEY), default="")
        template = given.take("template", names.row(Template))
        weight = given.take("weight", readers.weight, default=1)
        given.close()
        return key, template, weight

    found = reading.each(value, at, one) if value != [] else ()
    keys = blocks.keyed([key for key, *_ in found], "variant", at)
    return tuple((key, *rest) for key, (_, *rest) in zip(keys, found, strict=True))


def _wait(given: Object, names: Names) -> Settings:
    if "until" in given.left:
        return Settings(settings={"until": given.take("until", partial(until, names))})
    return Settings(delay=given.take("delay", readers.delay))


def until(names: Names, value: Any, at: str) -> dict[str, Any]:
    """A moment on the subscriber's clock, as `sequences.schedule` has it."""
    wait = schedule.parse(value, at=at)
    if isinstance(wait, Delay):
        raise fault(f"{at}/seconds", "unknown_field", "How long a wait is, is its “delay”.")
    if isinstance(wait, UntilDate):
        names.field(wait.field, f"{at}/field")
    return schedule.dump(wait)


def _wait_until(given: Object, names: Names) -> Settings:
    timeout = given.take("timeout", readers.delay, default=None)
    return _block(StepKind.WAIT_UNTIL, given, names, delay=timeout)


def _block(
    kind: StepKind, given: Object, names: Names, *, delay: timedelta | None = None
) -> Settings:
    arms = given.take(
        "arms",
        lambda value, at: blocks.read(kind, value, at, names),
        default=blocks.read(kind, [], "", names),
    )
    arms = tuple(arms or ())
    return Settings(delay=delay, settings={"arms": [arm.settings for arm in arms]}, arms=arms)


def _action(given: Object, names: Names) -> Settings:
    return Settings(settings={"action": given.take("action", partial(acts.read, names))})


def _exit(given: Object, names: Names) -> Settings:
    reason = given.take("reason", readers.text(readers.MAX_NAME), default="")
    return Settings(settings={"reason": reason})


KINDS: Mapping[str, Callable[[Object, Names], Settings]] = {
    StepKind.EMAIL: _email,
    StepKind.WAIT: _wait,
    StepKind.WAIT_UNTIL: _wait_until,
    StepKind.BRANCH: partial(_block, StepKind.BRANCH),
    StepKind.SPLIT: partial(_block, StepKind.SPLIT),
    StepKind.ACTION: _action,
    StepKind.EXIT: _exit,
}
