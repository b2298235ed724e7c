"""A run whose program is exchanged goes on where it makes sense, and gets nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequences import places
from sequences.actions import AddTag
from sequences.passes import Act, Queue
from sequences.program import ActionStep, Arm, Block, BranchStep, EmailStep, Program, WaitStep
from sequences.schedule import Delay
from sequences.tests.factories import DAY
from sequences.tests.programs import programs
from sequences.tests.test_runs import World


def build(outline):
    """A program from text: `e1 w2 b(a: e3 | else: w4) e5`; the first letter is the kind."""
    words = outline.replace("(", " ( ").replace(")", " ) ").replace("|", " | ").split()

    def row():
        steps = []
        while words and words[0] not in (")", "|"):
            key = words.pop(0)
            steps.append(block(key) if words[:1] == ["("] else leaf(key))
        return tuple(steps)

    def block(key):
        arms = []
        while words.pop(0) != ")":
            name = words.pop(0).removesuffix(":")
            arms.append(Arm(name, row()))
        return BranchStep(key, tuple(arms))

    def leaf(key):
        if key.startswith("e"):
            return EmailStep(key, 1)
        return WaitStep(key, Delay(DAY)) if key.startswith("w") else ActionStep(key, AddTag("x"))

    return Program(row())


NESTED = "e1 b(x: e2 w3 e4 | else: e5) e6"


@pytest.mark.parametrize(
    ("old", "new", "position", "had", "place"),
    [
        ("e1 w2 e3", "e1 w2 e3", "w2", "e1", "w2"),
        ("e1 w2 e3", "e9 e1 w2 e3", "", "", ""),
        # It is still there, wherever that is.
        ("e1 w2 e3", "e0 e1 w2 e3 e4", "w2", "e1", "w2"),
        ("e1 w2 e3", "w2 e3", "w2", "e1", "w2"),
        (NESTED, "b(x: e2 | else: w3 e4) e6", "w3", "e1 e2", "w3"),
        (NESTED, "e1 e2 w3 e4 e6", "w3", "e1 e2", "w3"),
        # It is gone: the next that is left.
        ("e1 w2 e3 w4 e5", "e1 e3 w4 e5", "w2", "e1", "e1/"),
        ("e1 w2 e3 w4 e5", "e1 w4 e5", "w2", "e1", "e1/"),
        ("e1 w2 e3 w4 e5", "e1 n9 e3 w4 e5", "w2", "e1", "n9/"),
        ("e1 w2 e3 w4 e5", "w4 e5", "w2", "e1", ""),
        (NESTED, "e1 b(x: e4 | else: e5) e6", "w3", "e1 e2", "b/x"),
        (NESTED, "e1 b(x: e2 | else: e5) e6", "w3", "e1 e2", "b/"),
        (NESTED, "e1 e6", "w3", "e1 e2", "e1/"),
        # None is left: what follows the last they have come by.
        ("e1 w2 e3", "e1 n4 n5", "w2", "e1", "e1/"),
        ("e1 w2 e3", "e1 w8 n4", "w2", "e1", "e1/"),
        (NESTED, "e1 b(x: e2 | else: e5) n7", "w3", "e1 e2", "e2/"),
        ("w0 e1 w2 e3", "w0 n4", "w2", "e1", "w0/"),
        # Nothing is left of theirs: from the start.
        ("e1 w2 e3", "n4 n5", "w2", "e1", ""),
        # Nothing comes again.
        ("e1 w2 e3", "w2 e1 e3", "w2", "e1", "e1/"),
        ("e1 w2 e3 w4 e5", "w4 e3 e1 e5", "w4", "e1 e3", "e1/"),
        ("e1 w2 e3", "e3 w2 e1", "w2", "e1", "e1/"),
        ("a1 w2 e3", "w2 a1 e3", "w2", "a1", "a1/"),
        (NESTED, "b(x: w3 | else: e2) e6", "w3", "e1 e2", "w3"),
        (NESTED, "b(x: w3 e4 | else: e5) e2 e6", "w3", "e1 e2", "e2/"),
        # In between.
        (NESTED, NESTED, "b/x", "e1", "b/x"),
        (NESTED, "e1 b(y: e2 | else: e5) e6", "b/x", "e1", "b/"),
        (NESTED, "e1 b(else: e5) e6", "b/", "e1", "b/"),
        (NESTED, "e1 e6", "b/x", "e1", "e1/"),
        ("e1 w2", "e1 w2 e3", "w2/", "e1", "w2/"),
    ],
)
def test_where_a_run_goes_on(old, new, position, had, place):
    assert places.relocate(build(old), build(new), position, {*had.split()}) == place


def test_what_lies_ahead_and_behind():
    program = build(NESTED)

    def keys(steps):
        return " ".join(step.key for step in steps)

    for position, ahead, behind in [
        ("", "e1 b e2 w3 e4 e5 e6", ""),
        ("e1", "b e2 w3 e4 e5 e6", "e1"),
        ("b", "e2 w3 e4 e5 e6", "e1 b"),
        ("b/x", "e2 w3 e4 e6", "e1 b"),
        ("b/else", "e5 e6", "e1 b"),
        ("w3", "e4 e6", "e1 b e2 w3"),
        ("e5", "e6", "e1 b e5"),
        ("b/", "e6", "e1 b e2 w3 e4 e5"),
        ("e6", "", "e1 b e2 w3 e4 e5 e6"),
        ("e6/", "", "e1 b e2 w3 e4 e5 e6"),
    ]:
        assert keys(places.ahead(program, position)) == ahead, position
        assert keys(places.behind(program, position)) == behind, position


def test_what_is_passed_over_is_told():
    old, new = build("e1 w2 e3 w4 e5"), build("e3 e1 w2 w4 e5")

    assert places.passed_over(old, new, "w2", "w2") == ["e3"]
    assert places.passed_over(old, old, "w2", "w2") == []
    assert places.passed_over(old, build("e1 w4 e5"), "w2", "e1/") == []


@st.composite
def edited(draw, program):
    """The same steps in another order, fewer of them, some of them now in arms; and new ones."""
    kept = [step for step in program if draw(st.booleans())]
    steps = draw(st.permutations([*kept, EmailStep("new1", 1), WaitStep("new2", Delay(DAY))]))
    blocks = [step for step in steps if isinstance(step, Block)]
    rows = {arm: [] for block in blocks for arm in ((block.key, a.key) for a in block.arms)}
    top = []
    for step in steps:
        before = [arm for arm in rows if arm[0] in [each.key for each in top]]
        into = draw(st.sampled_from([None, *before]))
        if into is None or isinstance(step, Block):
            top.append(step)
        else:
            rows[into].append(step)

    def filled(step):
        if not isinstance(step, Block):
            return step
        arms = (replace(arm, steps=tuple(rows[step.key, arm.key])) for arm in step.arms)
        return replace(step, arms=tuple(arms))

    return Program(tuple(map(filled, top)))


@settings(deadline=None, max_examples=200)  # a busy machine is no counterexample
@given(programs(), st.data())
def test_a_run_gets_nothing_twice_however_often_its_program_is_exchanged(program, data):
    world = World(program, data)
    done: list[str] = []

    for _ in range(data.draw(st.integers(1, 4), label="programs")):
        for _ in range(data.draw(st.integers(0, 3), label="passes")):
            outcome = world.look()
            done += [e.step.key for e in outcome.effects if isinstance(e, Queue | Act)]
            world.position, world.entered_at = outcome.position, outcome.entered_at
            if outcome.ended:
                return
            world.wait(outcome)
        new = data.draw(edited(world.program), label="new program")
        place = places.relocate(world.program, new, world.position, done)
        assert not {step.key for step in places.ahead(new, place)} & {*done}
        world.entered_at = world.entered_at if place == world.position else world.now
        world.program, world.position = new, place

    assert len(done) == len({*done})


@settings(deadline=None)
@given(programs(), st.data())
def test_an_exchange_for_the_same_moves_nobody(program, data):
    position = data.draw(st.sampled_from(["", *(step.key for step in program)]))
    had = places.effects(places.behind(program, position))

    assert places.relocate(program, program, position, had) == position
    assert places.passed_over(program, program, position, position) == []
