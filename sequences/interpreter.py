"""What happens next to one run. Pure: no database, no clock, nothing random.

The engine calls it whenever a run is due; a simulation may call it with a clock of its own. It
can be asked at any time and as often as one likes: it never moves a run on too early.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sequences.program import EmailStep, Program, Step, WaitStep

LOOK_AGAIN = timedelta(minutes=10)  # the net under the event that says a message has left


@dataclass(frozen=True)
class Facts:
    """What is known of a run: when it came to its position, and of its messages by step key.

    `left_at`: when a message left, or may have (in doubt), or will not any more (skipped, failed).
    `unfinished`: messages that are still in the outbox; one in doubt is in both.
    """

    entered_at: datetime
    left_at: Mapping[str, datetime] = field(default_factory=dict)
    unfinished: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Outcome:
    """Where a run stands now and when to look again.

    `entered`: the steps it came to in this pass; the message of each email is to be queued.
    `awaits`: the key of the step whose message it waits for; '' when only time has to pass.
    """

    position: str
    due_at: datetime
    entered: tuple[Step, ...] = ()
    awaits: str = ""
    ended: bool = False


def run(program: Program, position: str, facts: Facts, now: datetime) -> Outcome:
    """Walk on from `position` until a step blocks or the program ends.

    An ended run has no message left in the outbox: nothing of it is cut off, and the next run of
    the same person cannot overtake it. Raises KeyError for a position the program does not have.
    """
    here, entered = program.at(position), list[Step]()
    while True:
        if isinstance(here, WaitStep):
            since = now if entered else facts.entered_at
            if blocked := _wait(program, here, facts, since, now):
                due_at, awaits = blocked
                return Outcome(here.key, due_at, tuple(entered), awaits)
        following = program.after(here)
        if following is None:
            return _end(program, here, facts, tuple(entered), now)
        entered.append(following)
        here = following


def _wait(
    program: Program, step: WaitStep, facts: Facts, since: datetime, now: datetime
) -> tuple[datetime, str] | None:
    """When to look again and the message to wait for; None when the wait is over."""
    before = program.before(step)
    left_at = facts.left_at.get(before.key) if isinstance(before, EmailStep) else None
    # A message leaves after its step was entered; clocks that disagree shorten no wait.
    over_at = max(since, left_at or since) + step.delay
    if over_at > now:
        return over_at, ""
    if isinstance(before, EmailStep) and left_at is None and before.key in facts.unfinished:
        return now + LOOK_AGAIN, before.key
    return None


def _end(
    program: Program, last: Step | None, facts: Facts, entered: tuple[Step, ...], now: datetime
) -> Outcome:
    position = last.key if last else ""
    awaited = [
        step.key
        for step in program.steps
        if isinstance(step, EmailStep) and (step in entered or step.key in facts.unfinished)
    ]
    if awaited:
        return Outcome(position, now + LOOK_AGAIN, entered, awaited[-1])
    return Outcome(position, now, entered, ended=True)
