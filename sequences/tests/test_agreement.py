"""What the simulator says is what the engine does: any program, person and history, both play it.

All cases live in one workspace and share one clock, so that a hundred of them take seconds. Time is
rounded to quarters of a day; what happens to people, happens between them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from delivery.models import Outbox, SendLedger
from delivery.tests.factories import SenderFactory
from emailseq.lib import clock
from sequences import conditions, consumers, engine, program
from sequences.conditions import EventHappens, RuleHolds
from sequences.models import Ending, Enrollment, SequenceVersion
from sequences.program import Program, WaitStep, WaitUntilStep
from sequences.schedule import Delay, UntilDate, UntilTime, UntilWeekday
from sequences.services.enroll import enroll
from sequences.simulator import Ending as SimulatedEnding
from sequences.simulator import Terms, simulate
from sequences.tests.factories import SequenceFactory, let_leave
from sequences.tests.programs import DAYS, EVENTS, TAGS, programs
from subscribers import services as people
from subscribers.facts import CustomEvent
from subscribers.models import Event, Subscriber, Tag
from subscribers.segments.evaluate import Fact, Profile
from subscribers.segments.rules import Tagged
from subscribers.tests.factories import CustomFieldFactory, ListFactory, make_audience

START = datetime(2026, 3, 25, 12, tzinfo=UTC)  # four days before clocks change in Berlin
QUARTER = timedelta(hours=6)
END = START + 14 * 4 * QUARTER
UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True)
class Happening:
    """An event, or a tag that comes (+) or goes (-), so many quarters after the start."""

    after: int
    name: str

    @property
    def at(self):
        return START + self.after * QUARTER + QUARTER / 2


@dataclass(frozen=True)
class Case:
    program: Program
    tags: frozenset[str]
    day: str | None
    zone: str
    history: tuple[Happening, ...]
    goal: str  # an event or a tag; '' is none


HISTORIES = st.builds(
    Happening,
    st.integers(0, 30),
    st.sampled_from([*EVENTS, *(f"{sign}{tag}" for sign in "+-" for tag in TAGS)]),
)
CASES = st.builds(
    Case,
    programs(size=4, depth=2),
    st.frozensets(st.sampled_from(TAGS)),
    st.sampled_from(DAYS),
    st.sampled_from(["", "UTC", "Europe/Berlin"]),
    st.lists(HISTORIES, max_size=4, unique_by=lambda each: each.after).map(tuple),
    st.sampled_from(["", "", *EVENTS, *TAGS]),
)


def gather(count):
    """That many cases, always the same."""
    cases = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(CASES)
    def note(case):
        cases.append(replace(case, program=rounded(case.program)))

    note()
    return cases


def rounded(whole: Program) -> Program:
    return Program(tuple(_rounded(step) for step in whole.steps))


def _rounded(step):
    match step:
        case WaitStep(_, wait):
            return replace(step, wait=_rounded_wait(wait))
        case WaitUntilStep():
            step = replace(step, timeout=_quarters(step.timeout))
    if hasattr(step, "arms"):
        arms = (replace(a, steps=tuple(_rounded(one) for one in a.steps)) for a in step.arms)
        step = replace(step, arms=tuple(arms))
    return step


def _rounded_wait(wait):
    match wait:
        case Delay(length):
            return Delay(_quarters(length))
        case UntilTime() | UntilWeekday() | UntilDate():
            return replace(wait, time=time(wait.time.hour // 6 * 6))


def _quarters(length):
    return max(1, round(length / QUARTER)) * QUARTER


class World:
    """All cases in one workspace, each a sequence with one person in it."""

    def __init__(self, cases):
        self.cases = cases
        self.workspace = WorkspaceFactory(time_zone="UTC")
        self.list = ListFactory(workspace=self.workspace)
        self.tags = {
            name: Tag.objects.create(workspace=self.workspace, name=name, slug=name)
            for name in TAGS
        }
        CustomFieldFactory(workspace=self.workspace, key="day", kind="date")
        self.sender = SenderFactory(workspace=self.workspace)
        self.people = make_audience(len(cases), on=self.list)
        self.seen = 0
        with clock.frozen(START):
            self.sequences = [self._put(*each) for each in zip(cases, self.people, strict=True)]

    def _put(self, case, person):
        fields = {"day": case.day} if case.day else {}
        Subscriber.objects.filter(pk=person.pk).update(time_zone=case.zone, fields=fields)
        for name in case.tags:
            people.tag_people(self.tags[name], [person.pk], by=SYSTEM)
        made = SequenceFactory(workspace=self.workspace, list=self.list, sender=self.sender)
        version = SequenceVersion.objects.create(
            sequence=made, number=1, program=self.named(program.freeze(case.program))
        )
        made.live_version, made.state = version, "live"
        made.save()
        if case.goal:
            when = self.named(conditions.dump(goal(case.goal)))
            Ending.objects.create(sequence=made, kind="goal", name="reached", when=when)
        enroll(made, [person.pk], by=SYSTEM)
        return made

    def named(self, document):
        """With public ids for the names of tags."""
        text = json.dumps(document)
        for name, tag in self.tags.items():
            text = text.replace(f'"{name}"', f'"{tag.public_id}"')
        return json.loads(text)

    def play(self):
        ahead = sorted(
            (happening.at, number)
            for number, case in enumerate(self.cases)
            for happening in case.history
        )
        now = START
        while now <= END:
            with clock.frozen(now):
                while ahead and ahead[0][0] <= now:
                    _, number = ahead.pop(0)
                    self._happen(number, now)
                self._hear()
                while engine.advance() or self._leave(now):
                    self._leave(now)
                    self._hear()
            due = Enrollment.objects.filter(state="active", due_at__gt=now).order_by("due_at")
            coming = [at for at, _ in ahead[:1]]
            now = min([*due.values_list("due_at", flat=True)[:1], *coming, END + QUARTER])

    def _happen(self, number, now):
        person = self.people[number]
        [what] = [each.name for each in self.cases[number].history if each.at == now]
        if what in EVENTS:
            people.record_event(self.workspace, CustomEvent(what, uid=person.uid), by=SYSTEM)
        elif what[0] == "+":
            people.tag_people(self.tags[what[1:]], [person.pk], by=SYSTEM)
        else:
            people.untag_people(self.tags[what[1:]], [person.pk], by=SYSTEM)

    def _hear(self):
        news = Event.objects.filter(id__gt=self.seen, kind__in=consumers.HEARD).order_by("id")
        batch = [*news]
        if batch:
            self.seen = batch[-1].id
            consumers.on_batch(batch)

    def _leave(self, now):
        ids = [*Outbox.objects.filter(cancelled_at=None).values_list("pk", flat=True)]
        if ids:
            let_leave(pk__in=ids)
            SendLedger.objects.filter(pk__in=ids).update(finished_at=now)
        return len(ids)

    def told(self):
        """What became of each case: messages, the way through the steps, and how it ended."""
        ways, mails, ends = defaultdict(list), defaultdict(list), {}
        number = {made.pk: place for place, made in enumerate(self.sequences)}
        for event in Event.objects.filter(kind="enrollment.step").order_by("id"):
            kind = event.step_key, event.properties.get("arm", ""), event.occurred_at
            ways[number[event.source_id]].append(kind)
        for mail in SendLedger.objects.order_by("id"):
            mails[number[mail.source_id]].append((mail.step_key, mail.variant, mail.finished_at))
        for event in Event.objects.filter(kind__in=[f"enrollment.{end}" for end in ENDS]):
            end = event.kind.partition(".")[2], event.properties.get("reason", "")
            ends[number[event.source_id]] = *end, event.occurred_at
        emails = [
            {step.key for step in case.program if step.kind == "email"} for case in self.cases
        ]
        return [
            (
                mails[place],
                [each for each in ways[place] if each[0] not in emails[place]],
                ends.get(place),
            )
            for place in range(len(self.cases))
        ]

    def foretold(self, place):
        """The same, as the simulator says."""
        case, person = self.cases[place], self.people[place]
        endings = [SimulatedEnding("goal", "reached", goal(case.goal))] if case.goal else []
        terms = Terms(
            list="news", endings=tuple(endings), zone=UTC_ZONE, workspace_id=self.workspace.pk
        )
        values = {"time_zone": case.zone} | ({"day": case.day} if case.day else {})
        profile = Profile(values=values, tags=case.tags, lists={"news": "confirmed"})
        facts = [fact(happening) for happening in case.history]
        entries = simulate(
            case.program, profile, facts, START, terms=terms, subscriber_id=person.pk, until=END
        )
        mails = [(e.step_key, e.variant, e.at) for e in entries if e.kind == "email"]
        way = [(e.step_key, e.arm, e.at) for e in entries if e.step_key and e.kind != "email"]
        ends = [(e.kind, e.why, e.at) for e in entries if e.kind in ENDS and not e.step_key]
        return mails, way, (ends or [None])[0]


ENDS = ("completed", "exited", "goal", "failed")


def goal(name):
    return EventHappens(name) if name in EVENTS else RuleHolds(Tagged(name, has=True))


def fact(happening):
    if happening.name in EVENTS:
        return Fact("custom", happening.at, name=happening.name)
    kind = "tag.added" if happening.name[0] == "+" else "tag.removed"
    return Fact(kind, happening.at, properties={"tag": happening.name[1:]})


def check(count):
    world = World(gather(count))
    world.play()
    became = world.told()
    for place, case in enumerate(world.cases):
        assert became[place] == world.foretold(place), case
    # A hundred runs that all end at once would agree, too.
    ways = {arm for _, way, _ in became for _, arm, _ in way}
    assert {"", "a1", "else", "timeout", "rest"} <= ways
    assert {end and end[0] for *_, end in became} >= {"completed", "exited", "goal"}
    assert {variant for mails, *_ in became for _, variant, _ in mails} >= {"", "a", "b"}
    late = [at for mails, *_ in became for _, _, at in mails if at > START]
    assert len(late) > count / 10


@pytest.mark.django_db
def test_a_hundred_cases():
    check(100)


@pytest.mark.slow
@pytest.mark.django_db
def test_a_thousand_cases():
    check(1000)
