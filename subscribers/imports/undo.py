"""Taking back what an import has brought, as far as nobody has built on it since.

Two walks through the import's events, some thousands of people at a time, each batch one
transaction that remembers its place. The first gives values back and takes places on the list
away; the second lets go of the people whom the import made known and of whom nothing else is
known. In between, every transaction that may have seen a place has ended: whoever is let go is in
nobody's hands, not even in those of a campaign that is being filled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, OuterRef

from accounts import audit
from accounts.audit import Actor
from emailseq.lib import clock, sql, state
from subscribers import events, kinds
from subscribers.events import NewEvent
from subscribers.imports.parts import Kept
from subscribers.models import (
    ConsentEntry,
    Event,
    Import,
    SegmentMember,
    Subscriber,
    Suppression,
)
from subscribers.states import IMPORT_MOVES, SubscriptionState

BATCH = 5_000
# What the product does to people by itself, and what an undo says of them.
_HARMLESS = (kinds.SEGMENT_ENTERED, kinds.SEGMENT_LEFT)
# What may tell of people who are gone: the log and the proof stay, a membership goes with them.
_STAYING = (ConsentEntry, Event, SegmentMember)
_COUNTS = (
    *("people_removed", "people_kept", "values_restored", "values_kept"),
    *("places_removed", "places_kept", "suppressions_lifted"),
)


def carry_on(job: Import, *, by: Actor, until: float) -> bool:
    """Go on with an undo; False when there is more to do, now or once others have ended."""
    job.undo_report = dict.fromkeys(_COUNTS, 0) | (job.undo_report or {})
    facts = _facts(job, by=by)
    if job.undone_xid is None:
        if not _walk(job, facts, _give_back, until=until):
            return False
        _turn(job)
    [(horizon,)] = sql.fetch("subscribers", "log_horizon")
    if horizon <= (job.undone_xid or 0) or not _walk(job, facts, _let_go, until=until):
        return False
    _finish(job, by=by)
    return True


Batch = Callable[[Import, list[int], dict[str, Any]], None]


def _walk(job: Import, facts: dict[str, Any], act: Batch, *, until: float) -> bool:
    """Have something done to everybody whom the import has touched; whether that is all."""
    while time.monotonic() < until:
        with transaction.atomic():
            place = facts | {"after": job.undone_event_id, "limit": BATCH}
            [(end, people)] = sql.fetch("subscribers", "undo_batch", place)
            if end is None:
                return True
            locked = Subscriber.objects.filter(pk__in=people).select_for_update().order_by("pk")
            act(job, list(locked.values_list("pk", flat=True)), facts | {"now": clock.now()})
            _remember(job, undone_event_id=end)
    return False


def _give_back(job: Import, people: list[int], facts: dict[str, Any]) -> None:
    """Values and places, as they were."""
    told, kept = facts | {"people": people}, list[tuple[str, str, str]]()
    for _, email, key, back in sql.fetch("subscribers", "undo_fields", told):
        _count(job, "values_restored" if back else "values_kept")
        if not back:
            kept.append((email, key, "It has been changed since."))
    for _, email, removed in sql.fetch("subscribers", "undo_places", told) if job.list_id else ():
        _count(job, "places_removed" if removed else "places_kept")
        if not removed:
            kept.append((email, "place on the list", "It has changed since."))
    Kept(job).add(kept)


def _let_go(job: Import, people: list[int], facts: dict[str, Any]) -> None:
    """Of the people whom the import made known, those who are nowhere else."""
    told = facts | {"people": people, "harmless": list(_HARMLESS)}
    found = sql.fetch("subscribers", "undo_newcomers", told)
    untouched = [pk for pk, _, is_untouched in found if is_untouched]
    free = Subscriber.objects.filter(pk__in=untouched)
    for model, name in _that_need_people():
        free = free.exclude(Exists(model._base_manager.filter(**{name: OuterRef("pk")})))
    going = set(free.values_list("pk", flat=True))
    SegmentMember.objects.filter(subscriber__in=going)._raw_delete("default")
    Subscriber.objects.filter(pk__in=going)._raw_delete("default")
    _count(job, "people_removed", len(going))
    _count(job, "people_kept", len(found) - len(going))
    why = "Something has been sent to them or was done by them since."
    Kept(job).add((email, "the person", why) for pk, email, _ in found if pk not in going)


def _that_need_people() -> Iterator[tuple[type[models.Model], str]]:
    """Every model, of any floor, whose rows tell of people, and by which field."""
    for relation in Subscriber._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel):
            model: Any = relation.related_model
            if model not in _STAYING:
                yield model, relation.field.name


def _turn(job: Import) -> None:
    """Remember when the last place was taken away, and begin anew for the people."""
    with transaction.atomic():
        [(xid,)] = sql.fetch("subscribers", "log_xid")
        _remember(job, undone_xid=xid, undone_event_id=(job.first_event_id or 1) - 1)


@transaction.atomic
def _finish(job: Import, *, by: Actor) -> None:
    lifted = Suppression.objects.filter(imported=job)
    _count(job, "suppressions_lifted", lifted._raw_delete("default"))
    _remember(job)
    state.move_one(job, "end_undo", IMPORT_MOVES)
    audit.record(job.workspace_id, "import.undone", by=by, on=job, changes=job.undo_report)
    told = {**(job.undo_report or {}), "by": by.kind, "import": job.public_id}
    undone = NewEvent(job.workspace_id, None, kinds.IMPORT_UNDONE, clock.now(), properties=told)
    events.record_many([undone])


def _facts(job: Import, *, by: Actor) -> dict[str, Any]:
    properties = {"by": by.kind, "list_id": job.list_id, "undone_import": job.public_id}
    return {
        "workspace_id": job.workspace_id,
        "list_id": job.list_id,
        "import": job.public_id,
        "first": job.first_event_id or 0,
        "last": job.last_event_id or 0,
        "created": kinds.SUBSCRIBER_CREATED,
        "updated": kinds.SUBSCRIBER_UPDATED,
        "pending_kind": kinds.SUBSCRIPTION_PENDING,
        "confirmed_kind": kinds.SUBSCRIPTION_CONFIRMED,
        "removed_kind": kinds.SUBSCRIPTION_REMOVED,
        "pending": SubscriptionState.PENDING,
        "confirmed": SubscriptionState.CONFIRMED,
        "properties": json.dumps(properties),
    }


def _count(job: Import, name: str, number: int = 1) -> None:
    report = job.undo_report or {}
    job.undo_report = {**report, name: report[name] + number}


def _remember(job: Import, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(job, name, value)
    job.save(update_fields=["undo_report", *changes])
