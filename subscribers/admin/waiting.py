"""What waits to be sent to somebody: when it is due on their own clock, and what holds it up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from delivery.models import Outbox, SendingPause, Source
from delivery.services import stops
from emailseq.lib import clock, localtime
from subscribers.admin.timeline import because
from subscribers.models import Event, Subscriber

MOST = 20


class Waiting(NamedTuple):
    """A message that has not left; `why` is empty where nothing but its time is missing."""

    message: Outbox
    due: datetime
    zone: str
    source: str
    why: Any


def of(person: Subscriber) -> list[Waiting]:
    """The next messages to them, in order."""
    rows = Outbox.objects.filter(subscriber=person, cancelled_at=None)
    rows = rows.select_related("template_version__template").order_by("run_at", "id")
    return list(_told(person, list(rows[:MOST])))


def _told(person: Subscriber, rows: list[Outbox]) -> Iterator[Waiting]:
    if not rows:
        return
    fallback, _known = localtime.zone_or(person.workspace.time_zone, localtime.UTC_ZONE)
    zone, _known = localtime.zone_or(person.time_zone, fallback)
    sources = {
        (source.kind, source.source_id): source
        for source in Source.objects.filter(source_id__in={row.source_id for row in rows})
    }
    reasons = _reasons(rows)
    stopped = _stopped(person)
    for row in rows:
        source = sources.get((row.kind, row.source_id))
        held = source is not None and source.held
        why = _why(row, held=held, stopped=stopped) or reasons.get(row.pk, "")
        name = source.name if source else ""
        due = row.run_at.astimezone(zone).replace(tzinfo=None)  # lest it is shown in another zone
        yield Waiting(row, due, str(zone), name, why)


def _stopped(person: Subscriber) -> str:
    """What stops everything of the workspace."""
    if pause := SendingPause.objects.stopping(person.workspace).first():
        return _("Sending is paused: %s") % pause.reason
    return stops.fence()


def _why(row: Outbox, *, held: bool, stopped: str) -> str:
    if row.doubt_at:
        return _("It may or may not have left.")
    if held:
        return _("What sends it is paused.")
    if row.held_at:
        return _("It is held.")
    if stopped:
        return stopped
    return _("It is due, and about to leave.") if row.run_at <= clock.now() else ""


def _reasons(rows: list[Outbox]) -> dict[int, Any]:
    """What the log last said of why each was put off."""
    told = Event.objects.filter(
        subscriber__in={row.subscriber_id for row in rows},
        message_id__in=[row.pk for row in rows],
        kind__in=("message.held", "message.deferred"),
    )
    return {each.message_id or 0: because(each.shown.get("reason")) for each in told.order_by("id")}
