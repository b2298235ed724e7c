"""What goes into a pass of the interpreter, and what comes out of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from emailseq.lib.localtime import Window
from sequences.actions import SetField
from sequences.program import ActionStep, EmailStep, Step, WaitUntilStep

UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Facts:
    """What is known of a run.

    `entered_at`: when it came to its position; at the start, when what let it in happened.
    `left_at`: by step key, when a message left, or may have (in doubt), or will not any more
    (skipped, failed). `unfinished`: when those still in the outbox may leave; one in doubt is in
    both. `zone` and `fields` are the subscriber's. A message leaves when all `windows` are open.

    By `step/arm`, as an outcome `wants` it: `answers`, whether the rule of an arm holds now;
    `happened`, when that for which an arm waits first happened after `Outcome.entered_at`, None if
    it has not. `weights` of variants by step key, where they are not those of the program.
    """

    entered_at: datetime
    left_at: Mapping[str, datetime] = field(default_factory=dict)
    unfinished: Mapping[str, datetime] = field(default_factory=dict)
    zone: ZoneInfo = UTC
    fields: Mapping[str, object] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    workspace_id: int = 0
    subscriber_id: int = 0
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    answers: Mapping[str, bool] = field(default_factory=dict)
    happened: Mapping[str, datetime | None] = field(default_factory=dict)

    def after(
        self,
        outcome: Outcome,
        *,
        answers: Mapping[str, bool],
        happened: Mapping[str, datetime | None],
    ) -> Facts:
        """The same with what an outcome `wants`, its effects being done: to go on from there."""
        queued = [effect for effect in outcome.effects if isinstance(effect, Queue)]
        return replace(
            self,
            entered_at=outcome.entered_at,
            unfinished={**self.unfinished, **{each.step.key: each.run_at for each in queued}},
            fields={**self.fields, **fields_set(outcome.effects)},
            answers=answers,
            happened=happened,
        )


@dataclass(frozen=True)
class Enter:
    """The run came to a step; with `arm`, it went into that arm of it. `note` says what is odd.

    A branch or a split is entered by an arm; a wait-until first without one, then by one.
    """

    step: Step
    arm: str = ""
    note: str = ""

    @property
    def leaves(self) -> bool:
        """Whether the run had come to the step before."""
        return bool(self.arm) and isinstance(self.step, WaitUntilStep)


@dataclass(frozen=True)
class Queue:
    """Its message is to enter the outbox, and may leave from `run_at` on."""

    step: EmailStep
    run_at: datetime
    variant: str
    template_version_id: int


@dataclass(frozen=True)
class Act:
    """Its action is to be done."""

    step: ActionStep


Effect = Enter | Queue | Act


@dataclass(frozen=True)
class Outcome:
    """Where a run stands now, since when, and when to look again.

    `effects`: what is to be done, in order. `awaits`: the key of the step whose message it waits
    for; '' when only time has to pass. `ended`: with a `reason` if it was told to exit. `wants`:
    facts without which it cannot go on: do the effects and call again with `Facts.after`.
    """

    position: str
    due_at: datetime
    entered_at: datetime
    effects: tuple[Effect, ...] = ()
    awaits: str = ""
    ended: bool = False
    reason: str = ""
    wants: tuple[str, ...] = ()


def fields_set(effects: Iterable[Effect]) -> dict[str, object]:
    """What the actions among them make of the fields of the subscriber."""
    actions = (effect.step.action for effect in effects if isinstance(effect, Act))
    return {each.field: each.value for each in actions if isinstance(each, SetField)}
