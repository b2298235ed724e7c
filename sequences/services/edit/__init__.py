"""Change the draft of a sequence. Settings, triggers and endings act at once, steps when published.

Every edit counts up `revision`; whoever passes the revision they have read gets Stale when somebody
else was faster. An archived sequence cannot be edited: StateConflict. What is wrong is told all at
once: Invalid, with JSON pointers into what was given.
"""

from __future__ import annotations

from sequences.services.edit.arms import add_arm, move_arm, remove_arm, update_arm
from sequences.services.edit.copies import duplicate_sequence, duplicate_step
from sequences.services.edit.document import put_draft, undo
from sequences.services.edit.opening import lock
from sequences.services.edit.sequence import create_sequence, update
from sequences.services.edit.starts import set_endings, set_triggers
from sequences.services.edit.steps import add_step, move_step, remove_step, update_step

__all__ = [
    "add_arm",
    "add_step",
    "create_sequence",
    "duplicate_sequence",
    "duplicate_step",
    "lock",
    "move_arm",
    "move_step",
    "put_draft",
    "remove_arm",
    "remove_step",
    "set_endings",
    "set_triggers",
    "undo",
    "update",
    "update_arm",
    "update_step",
]
