from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction

from accounts.audit import Actor
from emailseq.lib.errors import Invalid
from sequences import draft
from sequences.models import Sequence, Step
from sequences.services.edit import rows, settings
from sequences.services.edit.names import Names
from sequences.services.edit.opening import begin_step, begin_steps, record, save
from sequences.services.edit.rows import Bed, Place
from subscribers.segments.reading import fault

_INSTEAD = {"delay": "until", "until": "delay"}


@transaction.atomic
def add_step(
    sequence: Sequence,
    *,
    kind: str,
    by: Actor,
    to: int | None = None,
    parent: Step | None = None,
    arm: str = "",
    expected_revision: int | None = None,
    **members: Any,
) -> Step:
    """Insert a step as number `to` (from 1; by default the last) of an arm, or of the sequence.

    `members` are those of its kind, as in a document. Raises Invalid.
    """
    begin_steps(sequence, expected_revision, "step.added")
    depth = _check_place(sequence, parent, arm)
    bed = Bed(Names(sequence.workspace, members), taken=_keys(sequence))
    sprout = bed.read_step(kind, members, Place(depth=depth))
    rows.check_room(sequence, more=len([*sprout.walk()]))
    siblings = [*sequence.steps.filter(parent=parent, arm=arm)]
    [step] = rows.write(sequence, [sprout], parent=parent, arm=arm, first=len(siblings) + 1)
    _place(step, among=siblings, to=to or step.position)
    save(sequence)
    record("step.added", sequence, by=by, step=str(step), number=step.position)
    return step


@transaction.atomic
def update_step(
    step: Step, *, by: Actor, expected_revision: int | None = None, **changes: Any
) -> Step:
    """Change members of a step; None takes one away. Of a block, the arms as a whole.

    The steps of an arm that is not among them any more go with it. Raises Invalid.
    """
    begin_step(step, expected_revision, "step.updated")
    members = draft.told(step)
    for name in changes.keys() & _INSTEAD.keys():
        members.pop(_INSTEAD[name], None)
    members |= changes
    told = settings.read(step.kind, members, "", Names(step.sequence.workspace, members))
    for arm in told.arms:
        if arm.steps:
            raise fault(arm.at, "unknown_field", "The steps of an arm are changed one by one.")
    rows.tell(step, told)
    step.children.exclude(arm__in=[arm.settings["key"] for arm in told.arms]).delete()
    save(step.sequence)
    record("step.updated", step.sequence, by=by, step=str(step), number=step.position)
    return step


@transaction.atomic
def move_step(
    step: Step,
    *,
    to: int,
    by: Actor,
    parent: Step | None = None,
    arm: str | None = None,
    expected_revision: int | None = None,
) -> Step:
    """Make a step number `to` (from 1) where it stands, or in that arm of `parent`.

    Without a parent and with the arm '', it comes to stand in no arm. Beyond the end is the end.
    Raises Invalid for an arm of its own.
    """
    begin_step(step, expected_revision, "step.moved")
    if parent or arm is not None:
        _check_place(step.sequence, parent, arm or "", moved=step)
        _number(step.sequence.steps.filter(parent=step.parent, arm=step.arm).exclude(pk=step.pk))
        step.parent, step.arm = parent, arm or ""
    siblings = step.sequence.steps.filter(parent=step.parent, arm=step.arm).exclude(pk=step.pk)
    _place(step, among=siblings, to=to)
    save(step.sequence)
    record("step.moved", step.sequence, by=by, step=str(step), number=step.position)
    return step


@transaction.atomic
def remove_step(step: Step, *, by: Actor, expected_revision: int | None = None) -> int:
    """Take a step out of the draft, and all that stands in its arms; how many steps went.

    People inside go on with them, on their version.
    """
    begin_step(step, expected_revision, "step.removed")
    sequence, parent, arm = step.sequence, step.parent, step.arm
    before = sequence.steps.count()
    label = str(step)
    step.delete()
    _number(sequence.steps.filter(parent=parent, arm=arm))
    save(sequence)
    gone = before - sequence.steps.count()
    record("step.removed", sequence, by=by, step=label, number=step.position, count=gone)
    return gone


def _check_place(
    sequence: Sequence, parent: Step | None, arm: str, *, moved: Step | None = None
) -> int:
    """How deep a step would stand there. Raises Invalid where none may, or not `moved`."""
    if parent is None:
        if arm:
            raise Invalid.field("arm", "invalid", "An arm belongs to a step: say which.")
        return 1
    fresh = sequence.steps.filter(pk=parent.pk).first()
    if fresh is None:
        raise Invalid.field("parent", "not_found", "There is no such step in this sequence.")
    if arm not in [each["key"] for each in fresh.settings.get("arms", ())]:
        raise Invalid.field("arm", "not_found", f"That step has no arm “{arm}”.")
    above = [*_up(fresh)]
    if moved in above:
        raise Invalid.field("parent", "invalid", "A step cannot stand in an arm of its own.")
    if (depth := len(above) + _height(moved)) > rows.MAX_DEPTH:
        raise Invalid.field("parent", "too_deep", f"Arms stand at most {rows.MAX_DEPTH} deep.")
    return depth


def _up(step: Step | None) -> Iterator[Step]:
    while step:
        yield step
        step = step.parent


def _height(step: Step | None) -> int:
    """How many levels a step has, itself being one."""
    level, height = [step.pk] if step else [], 1
    while level := [*Step.objects.filter(parent__in=level).values_list("pk", flat=True)]:
        height += 1
    return height


def _keys(sequence: Sequence) -> set[str]:
    return set(sequence.steps.values_list("key", flat=True))


def _place(step: Step, *, among: Iterable[Step], to: int) -> None:
    steps = [*among]
    steps.insert(max(to, 1) - 1, step)
    _number(steps)


def _number(steps: Iterable[Step]) -> None:
    numbered = [*steps]
    for number, step in enumerate(numbered, 1):
        step.position = number
    Step.objects.bulk_update(numbered, ["parent", "arm", "position"])
