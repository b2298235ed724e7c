"""What happens next to one run. Pure: no database, no clock, nothing random.

The engine calls it whenever a run is due; a simulation may call it with a clock of its own. It
can be asked at any time and as often as one likes: it never moves a run on too early.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from emailseq.lib import localtime, sticky
from sequences import schedule
from sequences.conditions import RuleHolds
from sequences.passes import Act, Effect, Enter, Facts, Outcome, Queue, fields_set
from sequences.program import (
    ActionStep,
    Arm,
    Block,
    BranchStep,
    EmailStep,
    ExitStep,
    Program,
    SplitStep,
    Step,
    WaitStep,
    WaitUntilStep,
)

LOOK_AGAIN = timedelta(minutes=10)  # the net under the event that says a message has left
ASK_AGAIN = timedelta(hours=1)  # the net under the events that may make a rule hold
MAX_HOPS = 1000


class TooManyHops(RuntimeError):
    """A run that passes a thousand steps without a wait is a mistake in the program, or in us."""


def run(program: Program, position: str, facts: Facts, now: datetime) -> Outcome:
    """Walk on from `position` until a step blocks or the program ends.

    An ended run has no message left in the outbox: nothing of it is cut off, and the next run of
    the same person cannot overtake it. Raises KeyError for a position the program does not have,
    NeverOpen when the windows let no message leave, TooManyHops.
    """
    return _Walk(program, position, facts, now).walk()


class _Walk:
    """One pass. Until a wait is over, `moment` is when the pass might have happened: what comes to
    pass between that and now is not missed."""

    def __init__(self, program: Program, position: str, facts: Facts, now: datetime) -> None:
        self.program, self.facts, self.now = program, facts, now
        self.position, self.entered_at, self.moment = position, facts.entered_at, facts.entered_at
        self.unfinished = dict(facts.unfinished)
        self.effects: list[Effect] = []

    def walk(self) -> Outcome:
        step = self.program.at(self.position)
        for _ in range(MAX_HOPS):
            way = self._through(step)
            if isinstance(way, Outcome):
                return way
            if way is None:
                return self._end()
            self._enter(way)
            step = way
        raise TooManyHops(f"{MAX_HOPS} steps without a wait, up to {self.position!r}.")

    def _enter(self, step: Step) -> None:
        self.position, self.entered_at = step.key, self.moment
        match step:
            case WaitStep(_, wait):
                note = schedule.objection(wait, zone=self.facts.zone, fields=self._fields())
                self.effects.append(Enter(step, note=note))
            case EmailStep():
                self.effects += [Enter(step), self._queue(step)]
            case ActionStep():
                self.effects += [Enter(step), Act(step)]
            case WaitUntilStep() | ExitStep():
                self.effects.append(Enter(step))

    def _through(self, step: Step | None) -> Outcome | Step | None:
        """What follows a step, None for the end; or the outcome, if one cannot go on."""
        match step:
            case WaitStep():
                blocked = self._wait(step)
                if blocked:
                    return blocked
                self.moment = self.now
            case WaitUntilStep() | BranchStep() | SplitStep():
                arm = self._choose(step)
                return arm if isinstance(arm, Outcome) else self._into(arm, of=step)
            case ExitStep():
                return self._end(step.reason)
        return self.program.after(self.position)

    def _into(self, arm: Arm, *, of: Block) -> Step | None:
        self.position = ref(of, arm)
        self.effects.append(Enter(of, arm.key))
        if isinstance(of, WaitUntilStep):
            self.moment = self.now
        return arm.steps[0] if arm.steps else self.program.after(self.position)

    def _wait(self, step: WaitStep) -> Outcome | None:
        since, zone = self._since(step), self.facts.zone
        over_at = schedule.over_at(step.wait, since, zone=zone, fields=self._fields())
        if over_at > self.now:
            return self._stand(over_at)
        pending = self._pending(step)
        return self._await(pending) if pending else None

    def _choose(self, block: Block) -> Arm | Outcome:
        """The arm to take; or the outcome, if nobody can know yet."""
        if wants := self._unknown(block):
            return replace(self._stand(self.now), wants=wants)
        match block:
            case WaitUntilStep():
                return self._first(block)
            case BranchStep():
                holds = (arm for arm in block.arms if self.facts.answers.get(ref(block, arm)))
                return next(holds, block.arms[-1])
        weights = ((arm.key, arm.weight) for arm in block.arms)
        return self.program.arm(f"{block.key}/{self._draw(block, weights)}")

    def _first(self, block: WaitUntilStep) -> Arm | Outcome:
        """The arm of what happened first, if that was in time."""
        deadline, pending = self._since(block) + block.timeout, self._pending(block)
        moments = {arm.key: self._moment(block, arm, deadline) for arm in block.arms}
        in_time = {
            key: moment
            for key, moment in moments.items()
            if moment and (moment <= deadline or pending)  # the deadline is not known yet, then
        }
        if in_time:
            return next(
                arm for arm in block.arms if arm.key == min(in_time, key=in_time.__getitem__)
            )
        if deadline > self.now:
            asks = any(isinstance(arm.when, RuleHolds) for arm in block.arms)
            return self._stand(min(deadline, self.now + ASK_AGAIN) if asks else deadline)
        return self._await(pending) if pending else block.arms[-1]

    def _moment(self, block: Block, arm: Arm, deadline: datetime) -> datetime | None:
        """When the fact of an arm came about. Of a rule one knows only that it holds now, but not
        since when: in time, for the benefit of the doubt."""
        if self.facts.answers.get(ref(block, arm)):
            return min(self.now, deadline)
        return self.facts.happened.get(ref(block, arm))

    def _unknown(self, block: Block) -> tuple[str, ...]:
        refs = (ref(block, arm) for arm in block.arms if arm.when)
        known = self.facts.answers.keys() | self.facts.happened.keys()
        return tuple(each for each in refs if each not in known)

    def _since(self, step: Step) -> datetime:
        """When a wait began: when the run came there, or the last message before it left.

        Clocks that disagree shorten no wait.
        """
        left = {**self.unfinished, **self.facts.left_at}  # at the earliest, if it has not
        recent = self.program.emails_just_before(step)
        return max([self.entered_at, *(left[key] for key in recent if key in left)])

    def _pending(self, step: Step) -> str:
        """A message just before a wait that has not left; '' if there is none."""
        waiting = self.unfinished.keys() - self.facts.left_at.keys()
        return max(self.program.emails_just_before(step) & waiting, default="")

    def _queue(self, step: EmailStep) -> Queue:
        run_at = localtime.next_open(self.facts.windows, self.now, self.facts.zone)
        self.unfinished[step.key] = run_at
        if not step.variants:
            return Queue(step, run_at, "", step.template_version_id)
        weights = self.facts.weights.get(step.key, {})
        drawn = self._draw(
            step, ((each.key, weights.get(each.key, each.weight)) for each in step.variants)
        )
        versions = {each.key: each.template_version_id for each in step.variants}
        return Queue(step, run_at, drawn, versions[drawn])

    def _draw(self, step: Step, weights: Iterable[tuple[str, float]]) -> str:
        return sticky.choose(weights, self.facts.workspace_id, step.key, self.facts.subscriber_id)

    def _fields(self) -> dict[str, object]:
        return {**self.facts.fields, **fields_set(self.effects)}

    def _end(self, reason: str = "") -> Outcome:
        awaited = [key for key in self.program.emails if key in self.unfinished]
        if awaited:
            return self._await(awaited[-1])
        return replace(self._stand(self.now), ended=True, reason=reason)

    def _await(self, step_key: str) -> Outcome:
        leaves_at = max(self.now, self.unfinished[step_key])
        return replace(self._stand(leaves_at + LOOK_AGAIN), awaits=step_key)

    def _stand(self, due_at: datetime) -> Outcome:
        return Outcome(self.position, due_at, self.entered_at, tuple(self.effects))


def ref(block: Block, arm: Arm) -> str:
    """What facts call an arm."""
    return f"{block.key}/{arm.key}"
