"""What one person would get from a sequence, and when. Pure.

The interpreter under a virtual clock: rules and events are answered from a person in memory,
actions change that person, and a message leaves in the instant in which it may. Nothing is stored
or sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from emailseq.lib.localtime import Window
from sequences import interpreter
from sequences.conditions import RuleHolds, When
from sequences.passes import Act, Effect, Enter, Facts, Outcome, Queue
from sequences.person import Person
from sequences.program import (
    ELSE,
    TIMEOUT,
    BranchStep,
    EmailStep,
    ExitStep,
    Program,
    SplitStep,
    WaitUntilStep,
)
from subscribers.segments.evaluate import Fact, Profile

HORIZON = timedelta(days=2 * 366)
UTC = ZoneInfo("UTC")

WINDOW_OPENS = "The send window opens."
HAPPENED, NOTHING_HAPPENED = "It happened first.", "Nothing happened in time."
RULE_HOLDS, NO_RULE_HOLDS = "Its rule holds.", "No rule holds."
BY_CHANCE = "By chance, and always in the same way."
BAD_ZONE = "Their time zone is not known: that of the workspace is used."
NOT_SUBSCRIBED, ARCHIVED = "not subscribed", "archived"  # in the words of the engine


@dataclass(frozen=True)
class Ending:
    """A goal or an exit of a sequence: its `kind`, its name, and what it is to happen."""

    kind: str
    name: str
    when: When


@dataclass(frozen=True)
class Terms:
    """What a run depends on besides its program: its sequence and its workspace.

    `source` and `list` are the public ids of the sequence and of the list whose consent its
    messages need, '' for any list. `weights` are those of variants, by step key.
    """

    source: str = ""
    list: str = ""
    windows: tuple[Window, ...] = ()
    endings: tuple[Ending, ...] = ()
    zone: ZoneInfo = UTC
    workspace_id: int = 0
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """Where a run is when the simulation begins; by default before the first step.

    The facts of the profile reach back to `started_at` at least.
    """

    started_at: datetime
    entered_at: datetime
    position: str = ""
    left_at: Mapping[str, datetime] = field(default_factory=dict)
    unfinished: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One thing that happens: an email leaves, a step is come to, the run ends.

    `kind` is that of the step; or `started`, `completed`, `goal`, `exited`. An email has the
    `values` that its person had when it left.
    """

    step_key: str
    kind: str
    at: datetime
    zone: ZoneInfo
    why: str = ""
    arm: str = ""
    variant: str = ""
    template_version_id: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def local(self) -> datetime:
        """On the clock of the person."""
        return self.at.astimezone(self.zone)


def simulate(
    program: Program,
    profile: Profile,
    events: Iterable[Fact],
    start: datetime,
    *,
    terms: Terms,
    subscriber_id: int = 0,
    entry: Mapping[str, Any] | None = None,
    standing: Standing | None = None,
    until: datetime | None = None,
) -> list[Entry]:
    """What happens from `start` (aware) on, in order, until the run ends or the time is `until`.

    `events` are what is yet to come to pass: custom events, opens, clicks and replies, tags and
    lists that come and go, each when it occurs. `entry` are the properties of the event that
    started the run. A run that does not end leaves no last word.
    """
    standing = standing or Standing(start, start)
    person = Person(profile, source=terms.source, entry=entry or {}, zone=terms.zone)
    run = _Run(program, person, terms, subscriber_id, standing)
    ahead = sorted(events, key=lambda fact: fact.occurred_at)
    return run.play(ahead, start, until or start + HORIZON)


class _Run:
    """The run and its outbox, at the virtual instant `now`."""

    def __init__(
        self,
        program: Program,
        person: Person,
        terms: Terms,
        subscriber_id: int,
        standing: Standing,
    ) -> None:
        self.program, self.person, self.terms = program, person, terms
        self.subscriber_id, self.started_at = subscriber_id, standing.started_at
        self.position, self.entered_at = standing.position, standing.entered_at
        self.left_at = dict(standing.left_at)
        self.outbox = {
            key: self._entry(key, EmailStep.kind, at=run_at)
            for key, run_at in standing.unfinished.items()
        }
        self.entries: list[Entry] = []

    def play(self, ahead: list[Fact], start: datetime, until: datetime) -> list[Entry]:
        self.now = start
        if not self.position:
            self._tell("", "started", why=BAD_ZONE if self.person.has_bad_zone else "")
        while self.now <= until:
            while ahead and ahead[0].occurred_at <= self.now:
                self.person.happen(ahead.pop(0))
            if self._is_over():
                break
            outcome = self._look()
            if outcome.ended:
                self._tell("", "exited" if outcome.reason else "completed", why=outcome.reason)
                break
            if not outcome.effects:  # what was done may have changed what holds: look again first
                coming = [fact.occurred_at for fact in ahead[:1]]
                leaving = [message.at for message in self.outbox.values()]
                self.now = min([outcome.due_at, *leaving, *coming])
        return self.entries

    def _is_over(self) -> bool:
        """Whether they may not be mailed any more, or a goal or an exit is reached."""
        if self.person.archived or not self.person.is_subscribed(self.terms.list):
            self._tell("", "exited", why=ARCHIVED if self.person.archived else NOT_SUBSCRIBED)
            return True
        for ending in self.terms.endings:
            if self._is_reached(ending.when):
                self._tell("", "goal" if ending.kind == "goal" else "exited", why=ending.name)
                return True
        return False

    def _is_reached(self, when: When) -> bool:
        if isinstance(when, RuleHolds):
            return self.person.holds(when, self.now)
        return self.person.first(when, since=self.started_at) is not None

    def _look(self) -> Outcome:
        """One pass, with all that the interpreter wants to know, and with what it says done."""
        self._let_leave()
        facts, effects = self._facts(), list[Effect]()
        outcome = self._pass(facts, effects)
        while outcome.wants:
            facts = facts.after(outcome, **self._answer(outcome))
            outcome = self._pass(facts, effects)
        return replace(outcome, effects=tuple(effects))

    def _pass(self, facts: Facts, effects: list[Effect]) -> Outcome:
        outcome = interpreter.run(self.program, self.position, facts, self.now)
        self.position, self.entered_at = outcome.position, outcome.entered_at
        for effect in outcome.effects:
            self._do(effect)
        effects += outcome.effects
        return outcome

    def _facts(self) -> Facts:
        return Facts(
            entered_at=self.entered_at,
            left_at=dict(self.left_at),
            unfinished={key: message.at for key, message in self.outbox.items()},
            zone=self.person.zone,
            fields=dict(self.person.values),
            windows=self.terms.windows,
            workspace_id=self.terms.workspace_id,
            subscriber_id=self.subscriber_id,
            weights=self.terms.weights,
        )

    def _answer(self, outcome: Outcome) -> dict[str, dict[str, Any]]:
        asked = {ref: self.program.arm(ref).when for ref in outcome.wants}
        answers = {
            ref: self.person.holds(when, self.now)
            for ref, when in asked.items()
            if isinstance(when, RuleHolds)
        }
        happened = {
            ref: self.person.first(when, since=outcome.entered_at)
            for ref, when in asked.items()
            if when and not isinstance(when, RuleHolds)
        }
        return {"answers": answers, "happened": happened}

    def _do(self, effect: Effect) -> None:
        match effect:
            case Queue():
                self._queue(effect)
            case Act(step):
                self.person.undergo(step.action)
            case Enter(step, arm, note) if not isinstance(step, EmailStep):
                self._tell(step.key, step.kind, arm=arm, why=note or _because(effect))

    def _queue(self, queue: Queue) -> None:
        self.outbox[queue.step.key] = self._entry(
            queue.step.key,
            queue.step.kind,
            at=queue.run_at,
            why=WINDOW_OPENS if queue.run_at > self.now else "",
            variant=queue.variant,
            template_version_id=queue.template_version_id,
        )
        self._let_leave()

    def _let_leave(self) -> None:
        for key, message in [*self.outbox.items()]:
            if message.at <= self.now:
                del self.outbox[key]
                self.left_at[key] = self.now
                values = dict(self.person.values)
                left = replace(message, at=self.now, zone=self.person.zone, values=values)
                self.entries.append(left)
                sent = Fact("message.sent", self.now, source=self.terms.source, step=key)
                self.person.happen(sent)

    def _tell(self, step_key: str, kind: str, **more: Any) -> None:
        self.entries.append(self._entry(step_key, kind, at=self.now, **more))

    def _entry(self, step_key: str, kind: str, *, at: datetime, **more: Any) -> Entry:
        return Entry(step_key, kind, at, self.person.zone, **more)


def _because(effect: Enter) -> str:
    """Why a run takes an arm, or leaves."""
    match effect:
        case Enter(ExitStep(_, reason)):
            return reason
        case Enter(SplitStep()):
            return BY_CHANCE
        case Enter(BranchStep(), arm):
            return NO_RULE_HOLDS if arm == ELSE else RULE_HOLDS
        case Enter(WaitUntilStep(), arm) if arm:
            return NOTHING_HAPPENED if arm == TIMEOUT else HAPPENED
    return ""
