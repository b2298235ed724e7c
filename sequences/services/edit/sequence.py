from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from delivery import services as delivery
from delivery.models import SenderIdentity
from delivery.states import CapPolicy, MessageClass
from emailseq.lib import text
from emailseq.lib.errors import Invalid
from sequences.models import Sequence
from sequences.models.sequence import MAX_HOLDOUT, MAX_PRIORITY, MIN_PRIORITY
from sequences.services.edit import readers
from sequences.services.edit.opening import begin, check_ours, record, save
from sequences.states import ReEntry
from subscribers.segments.reading import Object, Reader, fault, word

SETTINGS = (
    *("list", "sender", "entry_rule", "re_entry", "cooldown", "window", "priority"),
    *("holdout_percent", "message_class", "cap_policy"),
)
MAX_COOLDOWN = timedelta(days=3660)


@transaction.atomic
def create_sequence(
    workspace: Workspace,
    *,
    name: str,
    slug: str,
    by: Actor,
    sender: SenderIdentity | None = None,
    **settings: Any,
) -> Sequence:
    """Make a draft without steps and triggers; without a `sender`, the workspace's first is taken.

    Raises Conflict when the slug is taken, Invalid.
    """
    sender = sender or SenderIdentity.objects.of(workspace).order_by("pk").first()
    if sender is None:
        raise Invalid.field("sender", "required", "Make a sender identity first.")
    sequence = Sequence(workspace=workspace)
    _set(sequence, name=name, slug=slug, sender=sender, **settings)
    save(sequence)
    audit.record(workspace, "sequence.created", by=by, on=sequence)
    return sequence


@transaction.atomic
def update(
    sequence: Sequence, *, by: Actor, expected_revision: int | None = None, **changes: Any
) -> Sequence:
    """Change the name, the slug or SETTINGS. Raises Conflict when the slug is taken, Invalid."""
    begin(sequence, expected_revision)
    _set(sequence, **changes)
    save(sequence)
    if sequence.live_version_id:
        delivery.mirror(**sequence.mirrored)
    record("sequence.updated", sequence, by=by, **changes)
    return sequence


def _set(sequence: Sequence, **changes: Any) -> None:
    if unknown := changes.keys() - {"name", "slug", *SETTINGS}:
        raise TypeError(f"A sequence has no {', '.join(unknown)} to change.")
    text.check(**{name: changes[name] for name in ("name", "slug") if name in changes})
    check_ours(sequence, list=changes.get("list"), sender=changes.get("sender"))
    given = Object(changes, "")
    for name, reader in _readers(sequence).items():
        if name in changes:
            changes[name] = given.take(name, reader)
    if given.faults:
        raise Invalid(given.faults)
    for name, value in changes.items():
        setattr(sequence, name, value)
    _agree_on_re_entry(sequence, changes)


def _readers(sequence: Sequence) -> dict[str, Reader]:
    return {
        "entry_rule": _or_none(readers.rule(sequence.workspace)),
        "re_entry": word(ReEntry.values),
        "cooldown": _or_none(_cooldown),
        "window": _or_none(readers.window),
        "priority": _within(MIN_PRIORITY, MAX_PRIORITY),
        "holdout_percent": _within(0, MAX_HOLDOUT),
        "message_class": word(MessageClass.values),
        "cap_policy": word(CapPolicy.values),
    }


def _agree_on_re_entry(sequence: Sequence, changes: dict[str, Any]) -> None:
    """A cooldown belongs to one way of coming again, and that way needs one."""
    if sequence.re_entry != ReEntry.COOLDOWN:
        if changes.get("cooldown"):
            raise Invalid.field("cooldown", "invalid", "Only re-entry “cooldown” has a cooldown.")
        sequence.cooldown = None
    elif sequence.cooldown is None:
        said = "Say how long after the end of a run the next may begin."
        raise Invalid.field("cooldown", "required", said)


def _or_none(reader: Reader) -> Reader:
    return lambda value, at: None if value is None else reader(value, at)


def _within(least: int, most: int) -> Reader:
    def read(value: Any, at: str) -> int:
        if type(value) is not int or not least <= value <= most:
            raise fault(at, "out_of_range", f"This must be a number from {least} to {most}.")
        return value

    return read


def _cooldown(value: Any, at: str) -> timedelta:
    length: timedelta = readers.span(value, at)
    if not timedelta(0) < length <= MAX_COOLDOWN:
        raise fault(at, "out_of_range", f"A cooldown takes up to {MAX_COOLDOWN.days} days.")
    return length
