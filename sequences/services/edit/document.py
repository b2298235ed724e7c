from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.audit import Actor
from emailseq.lib.errors import Conflict
from sequences import draft
from sequences.models import Sequence
from sequences.services.edit import rows
from sequences.services.edit.names import Names
from sequences.services.edit.opening import begin, record, remember, save
from sequences.services.edit.rows import Bed, Place
from subscribers.segments.reading import Object


@transaction.atomic
def put_draft(
    sequence: Sequence, *, document: Any, by: Actor, expected_revision: int | None = None
) -> bool:
    """Make the steps those of a document, as `sequences.draft` shows one; False if they are so.

    A step keeps the key that it names, or that of the step of its kind at its place. Raises
    Invalid with every fault of the document.
    """
    begin(sequence, expected_revision)
    before = draft.written(sequence)
    _write(sequence, document)
    if draft.written(sequence) == before:
        sequence.revision -= 1
        return False
    remember(sequence, before, "draft.replaced")
    save(sequence)
    record("draft.replaced", sequence, by=by, count=sequence.steps.count())
    return True


@transaction.atomic
def undo(sequence: Sequence, *, by: Actor, expected_revision: int | None = None) -> str:
    """Put the steps back as they were before the last edit of them; which verb that was.

    Raises Conflict when there is none, Invalid when something they need is not there any more.
    """
    begin(sequence, expected_revision)
    earlier = sequence.earlier_drafts.order_by("-pk").first()
    if earlier is None:
        raise Conflict("There is nothing to undo.")
    _write(sequence, earlier.document)
    earlier.delete()
    save(sequence)
    record("draft.undone", sequence, by=by, edit=earlier.verb)
    return earlier.verb


def _write(sequence: Sequence, document: Any) -> None:
    bed = Bed(Names(sequence.workspace, document), [*sequence.steps.select_related("parent")])
    given = Object(document, "")
    sprouts = given.take("steps", lambda value, at: bed.read_steps(value, at, Place()))
    given.close()
    rows.write(sequence, sprouts)
    kept = [inner.key for sprout in sprouts for inner in sprout.walk()]
    # Not before: a step that stays may have stood in an arm of one that goes.
    sequence.steps.exclude(key__in=kept).delete()
    rows.check_room(sequence)
