"""Conversions: what people are told to have done, credited to the message that led to it.

The model of attribution is stated and simple: a conversion is credited to one message at most, the
last one before it that its reader clicked (or was sent), if that is at most so many days ago.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet, Sum

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from analytics.kinds import CONVERSION_REACHED
from analytics.models import Conversion, Rollup
from analytics.states import Attribution
from emailseq.lib import clock, sql, text
from emailseq.lib.errors import Invalid
from emailseq.lib.unique import taken
from subscribers import events
from subscribers.events import NewEvent
from subscribers.facts import NAME
from subscribers.models import Event

MOST = 20  # conversions of a workspace
LARGEST = 10**12  # an amount beyond that is no amount


@transaction.atomic
def create_conversion(
    workspace: Workspace,
    *,
    name: str,
    event_name: str,
    by: Actor,
    amount_property: str = "",
    window_days: int = 7,
    attribution: str = Attribution.CLICKED,
) -> Conversion:
    """Count an event from now on. Raises Invalid, and Conflict when the name is taken."""
    text.check(name=name, amount_property=amount_property)
    if not NAME.fullmatch(event_name):
        detail = "The name of an event is a-z, 0-9 and _, at most 64 characters."
        raise Invalid.field("event_name", "invalid", detail)
    if not 1 <= window_days <= 90:
        raise Invalid.field("window_days", "out_of_range", "Choose from 1 to 90 days.")
    if Conversion.objects.of(workspace).counting().count() >= MOST:
        raise Invalid.field("name", "too_many", f"There are {MOST} conversions; archive one first.")
    with taken("conversion", name):
        conversion = Conversion.objects.create(
            workspace=workspace,
            name=name,
            event_name=event_name,
            amount_property=amount_property,
            window_days=window_days,
            attribution=attribution,
        )
    audit.record(workspace, "conversion.created", by=by, on=conversion)
    return conversion


@transaction.atomic
def archive_conversion(conversion: Conversion, *, by: Actor) -> bool:
    """Count it no more; its numbers stay. False when it was archived already."""
    open_ones = Conversion.objects.counting().filter(pk=conversion.pk)
    archived = bool(open_ones.update(archived_at=clock.now()))
    if archived:
        audit.record(conversion.workspace_id, "conversion.archived", by=by, on=conversion)
    return archived


class Reached(NamedTuple):
    """How often one conversion was reached by the messages of a source, or by all that happened
    lately; how many messages led to it, and what it came to, in hundredths."""

    conversion: Conversion
    conversions: int
    converted: int
    revenue: int


def reached(kind: str, source_id: int) -> list[Reached]:
    """The conversions that were credited to one campaign or sequence."""
    return _sums(Rollup.objects.filter(source_kind=kind, source_id=source_id))


def reached_in(workspace: Workspace, *, days: int) -> list[Reached]:
    """Those of a workspace in the last days, whoever takes credit."""
    since = clock.now() - timedelta(days=days)
    return _sums(Rollup.objects.of(workspace).filter(hour__gt=since))


def _sums(rollups: QuerySet[Rollup]) -> list[Reached]:
    rows = rollups.filter(kind=CONVERSION_REACHED).values_list("verdict")
    sums = rows.annotate(Sum("count"), Sum("first_count"), Sum("amount")).order_by()
    found = {int(pk): rest for pk, *rest in sums}
    known = Conversion.objects.filter(pk__in=found).order_by("pk")
    return [Reached(one, *found[one.pk]) for one in known]


def attribute(told: Sequence[Event]) -> int:
    """Record what these events come to as conversions; how many they were."""
    found = list(_found(told))
    if not found:
        return 0
    columns = {
        "event_id": [event.pk for event, _ in found],
        "subscriber_id": [event.subscriber_id for event, _ in found],
        "until": [event.occurred_at for event, _ in found],
        "since": [event.occurred_at - timedelta(days=one.window_days) for event, one in found],
        "conversion": [str(one.pk) for _, one in found],
        "kind": [_KINDS[Attribution(one.attribution)] for _, one in found],
    }
    credited = sql.fetch("analytics", "attribute", columns | {"reached": CONVERSION_REACHED})
    return events.record_many(_events(found, credited))


_KINDS: dict[Attribution, str] = {
    Attribution.CLICKED: "message.clicked",
    Attribution.SENT: "message.sent",
}


def _found(told: Sequence[Event]) -> Iterator[tuple[Event, Conversion]]:
    """Each event with each conversion that it is."""
    names = {event.name for event in told}
    known: dict[tuple[int, str], list[Conversion]] = {}
    for one in Conversion.objects.counting().filter(event_name__in=names).order_by("pk"):
        known.setdefault((one.workspace_id, one.event_name), []).append(one)
    for event in told:
        for one in known.get((event.workspace_id, event.name), ()):
            if event.subscriber_id:
                yield event, one


def _events(
    found: Sequence[tuple[Event, Conversion]], credited: Sequence[tuple[Any, ...]]
) -> Iterator[NewEvent]:
    converted = set[tuple[int, str]]()
    for (event, one), credit in zip(found, credited, strict=True):
        source_kind, source_id, step_key, variant, message_id, known = credit
        place = message_id, str(one.pk)
        properties: dict[str, Any] = {"event_id": event.pk}
        if amount := _amount(event.properties, one.amount_property):
            properties["amount"] = amount
        if message_id and not known and place not in converted:
            converted.add(place)
            properties["first"] = True
        yield NewEvent(
            event.workspace_id,
            event.subscriber_id,
            CONVERSION_REACHED,
            event.occurred_at,
            source_kind,
            source_id,
            step_key,
            variant,
            message_id,
            str(one.pk),
            properties,
        )


def _amount(properties: Mapping[str, Any], name: str) -> int:
    """The amount in hundredths; nothing, where it is no number or past all measure."""
    value = properties.get(name) if name else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return round(value * 100) if math.isfinite(value) and abs(value) < LARGEST else 0
