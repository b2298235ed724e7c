"""Change the draft of a sequence. Settings and triggers act at once, steps at the next publish.

Every edit counts up `revision`; whoever passes the revision they have read gets Stale when somebody
else was faster. An archived sequence cannot be edited: StateConflict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace, WorkspaceModel
from delivery import services as delivery
from delivery import sources
from delivery.models import SenderIdentity
from emailseq.lib import ids, state, text
from emailseq.lib.errors import Invalid, Stale
from emailseq.lib.unique import taken
from sequences.models import Sequence, Step, Trigger
from sequences.states import SEQUENCE_MOVES, ReEntry, SequenceState, StepKind, TriggerKind
from subscribers.models import List
from templates_app.models import Template

MAX_DELAY = timedelta(days=1000)
EDITABLE = {"name", "slug", "list", "sender", "re_entry"}


@transaction.atomic
def create_sequence(
    workspace: Workspace,
    *,
    name: str,
    slug: str,
    by: Actor,
    sender: SenderIdentity | None = None,
    list: List | None = None,  # noqa: A002 - the word of the field
    re_entry: str = ReEntry.NEVER,
) -> Sequence:
    """Make a draft without steps and triggers; without a `sender`, the workspace's first is taken.

    Raises Conflict when the slug is taken, Invalid.
    """
    sender = sender or SenderIdentity.objects.of(workspace).order_by("pk").first()
    if sender is None:
        raise Invalid.field("sender", "required", "Make a sender identity first.")
    sequence = Sequence(workspace=workspace)
    _set(sequence, name=name, slug=slug, sender=sender, list=list, re_entry=re_entry)
    _save(sequence)
    audit.record(workspace, "sequence.created", by=by, on=sequence)
    return sequence


@transaction.atomic
def update(
    sequence: Sequence, *, by: Actor, expected_revision: int | None = None, **changes: Any
) -> Sequence:
    """Change name, slug, list, sender or re_entry. Raises Conflict when the slug is taken."""
    _open(sequence, expected_revision)
    _set(sequence, **changes)
    _save(sequence)
    if sequence.live_version_id:
        delivery.mirror(workspace=sequence.workspace, name=sequence.name, **sequence.source)
    _audit("sequence.updated", sequence, by=by, **changes)
    return sequence


@transaction.atomic
def set_triggers(
    sequence: Sequence,
    *,
    lists: Collection[List],
    by: Actor,
    expected_revision: int | None = None,
) -> Sequence:
    """State which lists start a run for whoever joins them."""
    _open(sequence, expected_revision)
    for each in lists:
        _check_ours(sequence, list=each)
    sequence.triggers.all().delete()
    Trigger.objects.bulk_create(
        Trigger(sequence=sequence, kind=TriggerKind.LIST_JOINED, list=each)
        for each in dict.fromkeys(lists)
    )
    _save(sequence)
    _audit("sequence.triggers_set", sequence, by=by, lists=", ".join(map(str, lists)))
    return sequence


@transaction.atomic
def add_step(
    sequence: Sequence,
    *,
    kind: str,
    by: Actor,
    template: Template | None = None,
    delay: timedelta | None = None,
    to: int | None = None,
    expected_revision: int | None = None,
) -> Step:
    """Insert a step as number `to` (from 1; by default the last). Raises Invalid."""
    _open(sequence, expected_revision)
    key = ids.encode("stp", ids.new())
    step = Step(sequence=sequence, key=key, kind=kind, template=template, delay=delay)
    _check_step(step)
    steps = [*sequence.steps.all()]
    step.position = len(steps) + 1
    step.save()
    _place(step, among=steps, to=to or step.position)
    _save(sequence)
    _audit("step.added", sequence, by=by, step=str(step), number=step.position)
    return step


@transaction.atomic
def update_step(
    step: Step, *, by: Actor, expected_revision: int | None = None, **changes: Any
) -> Step:
    """Change the template of an email, or the delay of a wait. Raises Invalid."""
    _open_step(step, expected_revision)
    for name, value in changes.items():
        setattr(step, name, value)
    _check_step(step)
    step.save()
    _save(step.sequence)
    _audit("step.updated", step.sequence, by=by, step=str(step), number=step.position)
    return step


@transaction.atomic
def move_step(step: Step, *, to: int, by: Actor, expected_revision: int | None = None) -> Step:
    """Make a step number `to` (from 1); beyond the end is the end."""
    _open_step(step, expected_revision)
    _place(step, among=step.sequence.steps.exclude(pk=step.pk), to=to)
    _save(step.sequence)
    _audit("step.moved", step.sequence, by=by, step=str(step), number=step.position)
    return step


@transaction.atomic
def remove_step(step: Step, *, by: Actor, expected_revision: int | None = None) -> Sequence:
    """Take a step out of the draft; people inside go on with it, on their version."""
    _open_step(step, expected_revision)
    sequence = step.sequence
    _audit("step.removed", sequence, by=by, step=str(step), number=step.position)
    step.delete()
    _number(sequence.steps.all())
    _save(sequence)
    return sequence


def lock(sequence: Sequence, expected_revision: int | None) -> None:
    """Lock and refresh a sequence that is to be edited or published. Raises as the verbs do."""
    sources.lock(sequence, expected_revision)
    if sequence.state == SequenceState.ARCHIVED:
        raise state.refusal("edit", SEQUENCE_MOVES, state=sequence.state)


def _open(sequence: Sequence, expected_revision: int | None) -> None:
    """Begin an edit: `_save` ends it."""
    lock(sequence, expected_revision)
    sequence.revision += 1


def _open_step(step: Step, expected_revision: int | None) -> None:
    _open(step.sequence, expected_revision)
    try:
        step.refresh_from_db(fields=["position", "kind", "template", "delay"])
    except Step.DoesNotExist as error:
        raise Stale("Somebody else has removed this step.") from error


def _set(sequence: Sequence, **changes: Any) -> None:
    if unknown := changes.keys() - EDITABLE:
        raise TypeError(f"A sequence has no {', '.join(unknown)} to change.")
    text.check(**{name: changes[name] for name in ("name", "slug") if name in changes})
    if changes.get("re_entry", ReEntry.NEVER) not in ReEntry.values:
        raise Invalid.field("re_entry", "invalid_choice", "Re-entry is “never” or “always”.")
    _check_ours(sequence, list=changes.get("list"), sender=changes.get("sender"))
    for name, value in changes.items():
        setattr(sequence, name, value)


def _save(sequence: Sequence) -> None:
    with taken("sequence", sequence.slug):
        sequence.save()


def _check_ours(sequence: Sequence, **parts: WorkspaceModel | None) -> None:
    for name, part in parts.items():
        if part is not None and part.workspace_id != sequence.workspace_id:
            raise Invalid.field(name, "not_found", f"There is no such {name} in this workspace.")


def _check_step(step: Step) -> None:
    _check_ours(step.sequence, template=step.template)
    if step.kind == StepKind.EMAIL:
        if step.template is None or step.delay is not None:
            raise Invalid.field("template", "required", "An email has a template, and no delay.")
    elif step.kind == StepKind.WAIT:
        if step.template or not step.delay or not timedelta(0) < step.delay <= MAX_DELAY:
            detail = f"A wait has a delay of up to {MAX_DELAY.days} days, and no template."
            raise Invalid.field("delay", "out_of_range", detail)
    else:
        raise Invalid.field("kind", "invalid_choice", "A step is an “email” or a “wait”.")


def _place(step: Step, *, among: Iterable[Step], to: int) -> None:
    steps = [*among]
    steps.insert(max(to, 1) - 1, step)
    _number(steps)


def _number(steps: Iterable[Step]) -> None:
    numbered = [*steps]
    for number, step in enumerate(numbered, 1):
        step.position = number
    Step.objects.bulk_update(numbered, ["position"])


def _audit(verb: str, sequence: Sequence, *, by: Actor, **changes: Any) -> None:
    named = {
        name: value if isinstance(value, int) else str(value) for name, value in changes.items()
    }
    audit.record(sequence.workspace_id, verb, by=by, on=sequence, changes=named)
