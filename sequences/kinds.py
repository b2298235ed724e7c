"""The event kinds this app records, one sentence each; `source_*` name the sequence."""

from __future__ import annotations

ENROLLMENT_STARTED = "enrollment.started"  # a run began
ENROLLMENT_STEP = "enrollment.step"  # a run reached the step `step_key`
ENROLLMENT_MOVED = "enrollment.moved"  # a run goes on in another version, from `step_key`
ENROLLMENT_COMPLETED = "enrollment.completed"  # a run came to its end
ENROLLMENT_EXITED = "enrollment.exited"  # a run ended early, for the reason given
ENROLLMENT_GOAL = "enrollment.goal"  # a run ended early, because the goal `reason` was reached
ENROLLMENT_REMOVAL = "enrollment.removal"  # another sequence wants the person out of this one
ENROLLMENT_FAILED = "enrollment.failed"  # a run could not go on, for the reason given
SEQUENCE_PUBLISHED = "sequence.published"  # a version went live
SEQUENCE_PAUSED = "sequence.paused"  # nothing of it leaves any more
SEQUENCE_RESUMED = "sequence.resumed"  # it goes on
