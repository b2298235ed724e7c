"""Any program of bounded size, for property tests."""

from __future__ import annotations

from datetime import time, timedelta
from itertools import count

from hypothesis import strategies as st

from sequences.actions import AddTag, Notify, RemoveTag, SetField
from sequences.conditions import EventHappens, RuleHolds
from sequences.program import (
    ActionStep,
    Arm,
    BranchStep,
    EmailStep,
    ExitStep,
    Program,
    SplitStep,
    Variant,
    WaitStep,
    WaitUntilStep,
)
from sequences.schedule import Delay, UntilDate, UntilTime, UntilWeekday
from subscribers.segments.rules import Tagged

TAGS, EVENTS, DAYS = ("red", "blue"), ("order", "visit"), ("2026-03-29", "2024-02-29", None)
LEAVES, BLOCKS = ("email", "wait", "action", "exit"), ("wait_until", "branch", "split")

TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
WAITS = st.one_of(
    st.builds(Delay, st.timedeltas(timedelta(seconds=1), timedelta(days=9))),
    st.builds(UntilTime, TIMES),
    st.builds(UntilWeekday, st.frozensets(st.integers(1, 7), min_size=1), TIMES),
    st.builds(
        UntilDate,
        st.just("day"),
        st.builds(timedelta, days=st.integers(-40, 40)),
        TIMES,
        st.booleans(),
    ),
)
ACTIONS = st.one_of(
    st.builds(AddTag, st.sampled_from(TAGS)),
    st.builds(RemoveTag, st.sampled_from(TAGS)),
    st.builds(SetField, st.just("day"), st.sampled_from(DAYS)),
    st.just(Notify("somebody", "Look!")),
)
RULES = st.builds(RuleHolds, st.builds(Tagged, st.sampled_from(TAGS), has=st.booleans()))
WHENS = st.one_of(RULES, st.builds(EventHappens, st.sampled_from(EVENTS)))
VARIANTS = st.sampled_from(
    [(), (Variant("a", 1, 7),), (Variant("a", 1, 7), Variant("b", 3, 8), Variant("c", 0, 9))]
)
TIMEOUTS = st.timedeltas(timedelta(seconds=1), timedelta(hours=5))


@st.composite
def programs(draw, *, size=4, depth=2):
    """Rows of at most `size` steps, blocks standing in each other at most `depth` deep."""
    numbers = count(1)

    def row(depth):
        return tuple(step(depth) for _ in range(draw(st.integers(0, size))))

    def arms(depth, whens, last):
        weighted = [Arm(f"a{n}", row(depth), when, n) for n, when in enumerate(whens, 1)]
        return (*weighted, Arm(last, row(depth), weight=1))

    def step(depth):
        key = f"s{next(numbers)}"
        match draw(st.sampled_from(LEAVES + BLOCKS if depth else LEAVES)):
            case "email":
                return EmailStep(key, 1, draw(VARIANTS))
            case "wait":
                return WaitStep(key, draw(WAITS))
            case "action":
                return ActionStep(key, draw(ACTIONS))
            case "exit":
                return ExitStep(key, draw(st.sampled_from(["enough", "bought"])))
            case "wait_until":
                whens = draw(st.lists(WHENS, min_size=1, max_size=2))
                return WaitUntilStep(key, arms(depth - 1, whens, "timeout"), draw(TIMEOUTS))
            case "branch":
                return BranchStep(key, arms(depth - 1, draw(st.lists(RULES, max_size=2)), "else"))
        return SplitStep(key, arms(depth - 1, [None], "rest"))

    return Program(row(depth))


PROGRAMS = programs()
