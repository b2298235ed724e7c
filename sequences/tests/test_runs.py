"""What holds for every run of every program, however late it is looked at, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from emailseq.lib import localtime
from emailseq.lib.localtime import Window
from sequences import interpreter, schedule
from sequences.actions import AddTag, RemoveTag
from sequences.conditions import RuleHolds
from sequences.passes import Act, Enter, Facts, Outcome, Queue, fields_set
from sequences.program import EmailStep, ExitStep, WaitStep, WaitUntilStep
from sequences.tests.programs import EVENTS, programs
from subscribers.segments import evaluate
from subscribers.segments.evaluate import Profile

START = datetime(2026, 3, 27, 12, tzinfo=UTC)  # two days later, clocks change in Berlin
AT_ONCE, MOMENT = timedelta(0), timedelta(microseconds=1)

ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "Asia/Kathmandu", "America/New_York")]
WINDOWS = [
    (),
    (Window(time(9), time(17), frozenset({1, 3, 5})),),
    (Window(time(20), time(3)), localtime.quiet_hours(time(4), time(10), zone="Asia/Kathmandu")),
]
LATENESS = st.one_of(st.just(AT_ONCE), st.timedeltas(AT_ONCE, timedelta(days=2)))


class Pass(NamedTuple):
    """What the world was like when the interpreter was asked, and what it said."""

    now: datetime
    zone: ZoneInfo
    tags: frozenset[str]
    outcome: Outcome


class World:
    """A subscriber, a log of events and an outbox around one run: what an engine looks after."""

    def __init__(self, program, data):
        self.program, self.data = program, data
        self.position, self.entered_at = "", START
        self.now = START + self.draw(LATENESS, "first looked at late by")
        self.fields: dict[str, Any] = {"day": "2000-03-30"}
        self.tags = set[str]()
        offsets = st.timedeltas(MOMENT, timedelta(days=9))
        happens = st.tuples(offsets, st.sampled_from(EVENTS))
        self.log = sorted(
            (START + after, name)
            for after, name in self.draw(st.lists(happens, max_size=4), "events")
        )
        self.windows = self.draw(st.sampled_from(WINDOWS), "windows")
        self.zone = ZONES[0]
        self.may_leave_at: dict[str, datetime] = {}
        self.leaves_at: dict[str, datetime] = {}
        self.passes: list[Pass] = []

    def draw(self, strategy, label):
        return self.data.draw(strategy, label=label)

    def look(self):
        """Ask the interpreter, tell it all that it wants to know, do what it says."""
        outcome, effects = Outcome(self.position, self.now, self.entered_at), []
        facts = self.facts()
        for _ in range(100):
            outcome = interpreter.run(self.program, outcome.position, facts, self.now)
            self.do(outcome.effects)
            effects += outcome.effects
            if not outcome.wants:
                return replace(outcome, effects=tuple(effects))
            facts = facts.after(outcome, **self.tell(outcome))
        return pytest.fail("it never knows enough")

    def facts(self):
        left = {key: at for key, at in self.leaves_at.items() if at <= self.now}
        waiting = {key: at for key, at in self.may_leave_at.items() if key not in left}
        return Facts(
            self.entered_at, left, waiting, self.zone, dict(self.fields), self.windows, 1, 2
        )

    def tell(self, outcome):
        asked = {ref: self.program.arm(ref).when for ref in outcome.wants}
        answers = {
            ref: holds(when.rule, self.tags)
            for ref, when in asked.items()
            if isinstance(when, RuleHolds)
        }
        happened = {
            ref: self.first(when.name, outcome.entered_at, self.now)
            for ref, when in asked.items()
            if ref not in answers
        }
        return {"answers": answers, "happened": happened}

    def first(self, name, since, until):
        return next((at for at, each in self.log if each == name and since < at <= until), None)

    def do(self, effects):
        for effect in effects:
            if isinstance(effect, Queue):
                key, run_at = effect.step.key, effect.run_at
                assert key not in self.may_leave_at, "queued twice"
                assert run_at == localtime.next_open(self.windows, self.now, self.zone)
                self.may_leave_at[key] = run_at
                self.leaves_at[key] = run_at + MOMENT + self.draw(LATENESS, f"{key} leaves late by")
            elif isinstance(effect, Act):
                act(effect.step.action, self.tags)
        self.fields |= fields_set(effects)

    def play(self):
        """Until the run ends."""
        for _ in range(400):
            tags = frozenset(self.tags)
            outcome = self.look()
            self.passes.append(Pass(self.now, self.zone, tags, outcome))
            self.position, self.entered_at = outcome.position, outcome.entered_at
            if outcome.ended:
                return self
            assert outcome.due_at > self.now
            self.ask_again(outcome)
            self.wait(outcome)
        return pytest.fail("the run does not end")

    def ask_again(self, outcome):
        """At once, and as late as can be before anything comes to pass: it changes nothing."""
        now = self.now
        assert self.look() == replace(outcome, effects=())
        ahead = [outcome.due_at, *self.leaves_at.values(), *(at for at, _ in self.log)]
        self.now = min(at for at in ahead if at > now) - MOMENT
        again = self.look()
        assert (again.position, again.entered_at) == (outcome.position, outcome.entered_at)
        assert again.effects == ()
        self.now = now

    def wait(self, outcome):
        """Until the run is due, or something wakes it, or somebody asks for no reason."""
        moments = [outcome.due_at, *(at for at, _ in self.log if at > self.now)]
        if outcome.awaits:
            moments.append(self.leaves_at[outcome.awaits])
        self.now = max(self.now, self.draw(st.sampled_from(moments), "woken"))
        self.now += self.draw(LATENESS, "late by")
        self.zone = self.draw(st.sampled_from(ZONES), "zone")
        self.tags ^= self.draw(st.sampled_from([set(), {"red"}]), "tags change")

    def effects(self):
        return [(each, effect) for each in self.passes for effect in each.outcome.effects]


def holds(rule, tags):
    return evaluate.holds(rule, Profile(tags=frozenset(tags)), START)


def act(action, tags):
    match action:
        case AddTag(tag):
            tags.add(tag)
        case RemoveTag(tag):
            tags.discard(tag)


@settings(deadline=None, max_examples=200)  # a busy machine is no counterexample
@given(programs(), st.data())
def test_every_run_ends_and_goes_the_way_of_its_program(program, data):
    world = World(program, data).play()

    entered = [effect.step for _, effect in world.effects() if came(effect)]
    taken = {each.step.key: each.arm for _, each in world.effects() if getattr(each, "arm", "")}
    assert [step.key for step in entered] == [*way(program.steps, taken)]
    assert [*world.may_leave_at] == [step.key for step in entered if isinstance(step, EmailStep)]
    assert max(world.leaves_at.values(), default=START) <= world.now, "nothing is cut off"
    last, reason = (entered or [None])[-1], world.passes[-1].outcome.reason
    assert reason == (last.reason if isinstance(last, ExitStep) else "")
    event(f"{len(entered) // 4 * 4} steps or more")


def came(effect):
    """A wait-until is entered once without and once with an arm, every other step once."""
    return isinstance(effect, Enter) and not (effect.arm and isinstance(effect.step, WaitUntilStep))


def way(row, taken):
    """The keys of the steps a run must come by, if it takes these arms."""
    for step in row:
        yield step.key
        if isinstance(step, ExitStep):
            taken.clear()
            return
        if step.key in taken:
            (arm,) = (arm for arm in step.arms if arm.key == taken[step.key])
            yield from way(arm.steps, taken)
            if not taken:
                return


@settings(deadline=None, max_examples=200)  # a busy machine is no counterexample
@given(programs(), st.data())
def test_nothing_comes_early_and_the_first_to_happen_wins(program, data):
    world = World(program, data).play()

    # Tell the story again, from what was done and when.
    fields, recent = {"day": "2000-03-30"}, set[str]()
    moment, waiting, tags, seen = START, None, set[str](), None
    for this, effect in world.effects():
        tags = tags if this is seen else set(this.tags)
        seen = this
        if waiting and isinstance(effect, Enter):
            since = max([moment, *(world.leaves_at[key] for key in recent)])
            left = all(world.leaves_at[key] <= this.now for key in recent)
            if isinstance(waiting, WaitStep):
                assert left
                assert (
                    schedule.over_at(waiting.wait, since, zone=this.zone, fields=fields) <= this.now
                )
            else:
                assert effect.step == waiting
                assert effect.arm == first_arm(world, waiting, moment, since, left, this.now, tags)
            moment, waiting, recent = this.now, None, set()
        match effect:
            case Enter(WaitStep() as step) | Enter(WaitUntilStep() as step, ""):
                waiting = step
            case Queue(step):
                recent.add(step.key)
            case Act(step):
                act(step.action, tags)
        fields |= fields_set([effect])


def first_arm(world, step, entered_at, since, left, now, tags):
    deadline = since + step.timeout if left else now
    facts = []
    for place, arm in enumerate(step.arms[:-1]):
        if isinstance(arm.when, RuleHolds):
            at = min(now, deadline) if holds(arm.when.rule, tags) else None
        else:
            at = world.first(arm.when.name, entered_at, now)
        if at and at <= deadline:
            facts.append((at, place, arm.key))
    if facts:
        return min(facts)[2]
    assert left
    assert deadline <= now
    return "timeout"
