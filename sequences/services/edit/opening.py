"""What every edit begins and ends with."""

from __future__ import annotations

from typing import Any

from accounts import audit
from accounts.audit import Actor
from accounts.models import WorkspaceModel
from delivery import sources
from emailseq.lib import state
from emailseq.lib.errors import Invalid, Stale
from emailseq.lib.unique import taken
from sequences import draft
from sequences.draft import Document
from sequences.models import EarlierDraft, Sequence, Step
from sequences.states import SEQUENCE_MOVES, SequenceState

KEPT = 20  # edits of the steps that can be undone
STEP = ["parent", "arm", "position", "kind", "template", "delay", "settings"]


def lock(sequence: Sequence, expected_revision: int | None) -> None:
    """Lock and refresh a sequence that is to be edited or published. Raises as the verbs do."""
    sources.lock(sequence, expected_revision)
    if sequence.state == SequenceState.ARCHIVED:
        raise state.refusal("edit", SEQUENCE_MOVES, state=sequence.state)


def begin(sequence: Sequence, expected_revision: int | None) -> None:
    """Begin an edit: `save` ends it."""
    lock(sequence, expected_revision)
    sequence.revision += 1


def begin_steps(sequence: Sequence, expected_revision: int | None, verb: str) -> None:
    """Begin an edit of the steps, which can be undone."""
    begin(sequence, expected_revision)
    remember(sequence, draft.written(sequence), verb)


def begin_step(step: Step, expected_revision: int | None, verb: str) -> None:
    """The same for one step. Raises Stale when it is not there any more."""
    begin_steps(step.sequence, expected_revision, verb)
    try:
        step.refresh_from_db(fields=STEP)
    except Step.DoesNotExist as error:
        raise Stale("Somebody else has removed this step.") from error


def remember(sequence: Sequence, document: Document, verb: str) -> None:
    """Keep the steps as they were before an edit, and forget what is too long ago."""
    EarlierDraft.objects.create(sequence=sequence, verb=verb, document=document)
    kept = sequence.earlier_drafts.order_by("-pk")[:KEPT]
    sequence.earlier_drafts.exclude(pk__in=kept.values("pk")).delete()


def save(sequence: Sequence) -> None:
    with taken("sequence", sequence.slug):
        sequence.save()


def check_ours(sequence: Sequence, **parts: WorkspaceModel | None) -> None:
    """Raise Invalid for what is of another workspace."""
    for name, part in parts.items():
        if part is not None and part.workspace_id != sequence.workspace_id:
            raise Invalid.field(name, "not_found", f"There is no such {name} in this workspace.")


def record(verb: str, sequence: Sequence, *, by: Actor, **changes: Any) -> None:
    """Put an edit on the audit trail."""
    named = {
        name: value if isinstance(value, int) else str(value) for name, value in changes.items()
    }
    audit.record(sequence.workspace_id, verb, by=by, on=sequence, changes=named)
