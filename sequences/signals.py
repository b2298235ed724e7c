"""Which events may change what is asked of a subscriber: whoever waits looks again at those. Pure.

An event is named by its kind, a custom one as `custom:order_placed`. An answer that changes by time
alone (“within 30 days”) has no event: it is found at the next look.
"""

from __future__ import annotations

from sequences.conditions import Engages, EventHappens, Replies, When
from sequences.program import Step, WaitStep, WaitUntilStep
from sequences.schedule import Delay
from subscribers.segments.rules import (
    CUSTOM,
    Condition,
    Field,
    InSegment,
    Listed,
    Tagged,
    conditions,
)

UPDATED = "subscriber.updated"
_SUBSCRIPTION = ("subscription.pending", "subscription.confirmed", "subscription.unsubscribed")


def signal(kind: str, name: str = "") -> str:
    """What an event is called here."""
    return f"{kind}:{name}" if name else kind


def of_when(when: When) -> frozenset[str]:
    """What may bring a condition about."""
    match when:
        case EventHappens(name):
            return frozenset({signal(CUSTOM, name)})
        case Replies():
            return frozenset({"message.replied"})
        case Engages(verb):
            return frozenset({f"message.{verb}"})
    return frozenset().union(*(_of_condition(one) for _, one in conditions(when.rule)))


def of_step(step: Step | None) -> frozenset[str]:
    """What may end a wait before its time, or move its end."""
    match step:
        case WaitStep(_, wait) if not isinstance(wait, Delay):
            return frozenset({UPDATED})  # the zone, or the date
        case WaitUntilStep(_, arms):
            return frozenset[str]().union(*(of_when(arm.when) for arm in arms if arm.when))
    return frozenset()


def _of_condition(condition: Condition) -> frozenset[str]:
    match condition:
        case Field():
            return frozenset({UPDATED})
        case Tagged():
            return frozenset({"tag.added", "tag.removed"})
        case Listed():
            return frozenset(_SUBSCRIPTION)
        case InSegment():
            return frozenset({"segment.entered", "segment.left"})
    return frozenset({signal(condition.kind, condition.name)})
