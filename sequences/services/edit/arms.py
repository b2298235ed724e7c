from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from accounts.audit import Actor
from emailseq.lib.errors import Invalid
from sequences.models import Step
from sequences.services.edit.opening import STEP, lock
from sequences.services.edit.steps import update_step
from sequences.states import LAST_ARM

Arms = list[dict[str, Any]]


def add_arm(
    step: Step,
    *,
    by: Actor,
    to: int | None = None,
    expected_revision: int | None = None,
    **members: Any,
) -> Step:
    """Give a block another arm, as number `to` (from 1; by default the last but the reserved)."""

    def add(arms: Arms) -> Arms:
        arms.insert(len(arms) if to is None else max(to, 1) - 1, members)
        return arms

    return _change(step, add, by=by, expected_revision=expected_revision)


def update_arm(
    step: Step, key: str, *, by: Actor, expected_revision: int | None = None, **changes: Any
) -> Step:
    """Change the name, condition or weight of an arm. Raises Invalid."""

    def update(arms: Arms) -> Arms:
        _find(arms, key).update(changes)
        return arms

    return _change(step, update, by=by, expected_revision=expected_revision)


def move_arm(
    step: Step, key: str, *, to: int, by: Actor, expected_revision: int | None = None
) -> Step:
    """Make an arm number `to` (from 1): the first whose condition holds is taken."""

    def move(arms: Arms) -> Arms:
        arm = _find(arms, key)
        arms.remove(arm)
        arms.insert(max(to, 1) - 1, arm)
        return arms

    return _change(step, move, by=by, expected_revision=expected_revision)


def remove_arm(step: Step, key: str, *, by: Actor, expected_revision: int | None = None) -> Step:
    """Take an arm away, and the steps in it. Raises Invalid for the reserved one."""

    def remove(arms: Arms) -> Arms:
        arm = _find(arms, key)
        if key == LAST_ARM[step.kind]:
            raise Invalid.field("arm", "reserved", f"“{key}” is for all others: it stays.")
        arms.remove(arm)
        return arms

    return _change(step, remove, by=by, expected_revision=expected_revision)


@transaction.atomic
def _change(
    step: Step,
    change: Callable[[Arms], Arms],
    *,
    by: Actor,
    expected_revision: int | None,
) -> Step:
    lock(step.sequence, expected_revision)
    step.refresh_from_db(fields=STEP)
    if step.kind not in LAST_ARM:
        raise Invalid.field("arms", "invalid", "Only a branch, a split and a wait-until have arms.")
    arms = change([dict(arm) for arm in step.settings["arms"]])
    return update_step(step, arms=arms, by=by)


def _find(arms: Arms, key: str) -> dict[str, Any]:
    for arm in arms:
        if arm["key"] == key:
            return arm
    raise Invalid.field("arm", "not_found", f"That step has no arm “{key}”.")
