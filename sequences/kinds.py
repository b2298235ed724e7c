"""The event kinds this app records, one sentence each; `source_*` name the sequence."""

from __future__ import annotations

ENROLLMENT_STARTED = "enrollment.started"  # a run began
ENROLLMENT_HELD_OUT = "enrollment.held_out"  # a run would have begun, and is left to compare with
ENROLLMENT_STEP = "enrollment.step"  # a run reached the step `step_key`
ENROLLMENT_MOVED = "enrollment.moved"  # a run goes on in another version, from `step_key`
ENROLLMENT_COMPLETED = "enrollment.completed"  # a run came to its end
ENROLLMENT_EXITED = "enrollment.exited"  # a run ended early, for the reason given
ENROLLMENT_GOAL = "enrollment.goal"  # a run ended early, because the goal `reason` was reached
ENROLLMENT_REMOVAL = "enrollment.removal"  # another sequence wants the person out of this one
ENROLLMENT_FAILED = "enrollment.failed"  # a run could not go on, for the reason given
GOAL_REACHED = "goal.reached"  # by a run, which may have ended, or by who is held out; in time
GOAL_CREDITED = "goal.credited"  # the message of `step_key` came before it
SEQUENCE_PUBLISHED = "sequence.published"  # a version went live
SEQUENCE_VARIANT_PROMOTED = "sequence.variant_promoted"  # `variant` of `step_key` is what is sent
SEQUENCE_PAUSED = "sequence.paused"  # nothing of it leaves any more
SEQUENCE_RESUMED = "sequence.resumed"  # it goes on

LEFT = "left"  # the verdict of a step that the run leaves, and had come to before
COMPARED, HELD_OUT = "compared", "held_out"  # the groups of a holdout, as the verdict of an event


def group(compared: bool, held_out: bool = False) -> str:
    """In which group a run is; '' where nobody was held out when it began."""
    return HELD_OUT if held_out else COMPARED if compared else ""
