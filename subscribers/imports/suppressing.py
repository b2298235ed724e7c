"""Suppress thousands of addresses at once, as `suppress` would one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from accounts.models import Workspace
from subscribers.models import Import, Suppression
from subscribers.states import SuppressionReason


class Done(NamedTuple):
    """How many were added, how many raised to a stronger reason, how many were as they are."""

    added: int
    raised: int
    known: int


def suppress_many(
    keys: Collection[str],
    *,
    workspace: Workspace,
    reason: str,
    note: str,
    job: Import | None = None,
) -> Done:
    """Suppress addresses by key, in the caller's transaction; what is new is the job's to undo."""
    there = Suppression.objects.of(workspace).filter(address_key__in=keys)
    known = set(there.values_list("address_key", flat=True))
    raised = there.filter(reason__in=list(_weaker(reason))).update(
        reason=reason, note=note, message_id=None, imported=None
    )
    new = [
        Suppression(workspace=workspace, address_key=key, reason=reason, note=note, imported=job)
        for key in sorted(set(keys) - known)
    ]
    Suppression.objects.bulk_create(new, ignore_conflicts=True)
    return Done(len(new), raised, len(known) - raised)


def would_suppress(keys: Collection[str], *, workspace: Workspace, reason: str) -> tuple[int, int]:
    """How many are suppressed for a weaker reason, and how many for as strong a one."""
    there = Suppression.objects.of(workspace).filter(address_key__in=keys)
    found = list(there.values_list("reason", flat=True))
    raised = sum(each in set(_weaker(reason)) for each in found)
    return raised, len(found) - raised


def suppress_keys(reasons: Mapping[str, str], *, job: Import) -> int:
    """Suppress the addresses of an import, each for its reason; how many are new or raised."""
    changed = 0
    for reason in sorted(set(reasons.values())):
        keys = [key for key, found in reasons.items() if found == reason]
        done = suppress_many(
            keys, workspace=job.workspace, reason=reason, note=str(job)[:500], job=job
        )
        changed += done.added + done.raised
    return changed


def _weaker(reason: str) -> Iterator[str]:
    yield from SuppressionReason.values[: SuppressionReason.values.index(reason)]
