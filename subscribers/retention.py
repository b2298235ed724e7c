"""What the log need not know for ever: details of old events. Numbers keep what they rest on."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import Min

from emailseq.lib import clock, sql
from subscribers import feed
from subscribers.models import Cursor, Event

NAME = "forget-details"  # a place in the log, like those of consumers


@transaction.atomic
def forget_details(*, limit: int = 5000) -> int:
    """Forget the details of the next events that are as old as the setting says, and that every
    consumer has read: what custom events told, what a profile changed from and to, what somebody
    wrote. Of how many.
    """
    if not settings.EVENT_DETAILS_FOR:
        return 0
    Cursor.objects.get_or_create(name=NAME)
    place = Cursor.objects.select_for_update(skip_locked=True).filter(name=NAME).first()
    if place is None:
        return 0
    readers = Cursor.objects.filter(name__in=feed.consumers)
    read = readers.aggregate(xid=Min("xid"))["xid"] or 0
    old = Event.objects.filter(
        id__gt=place.event_id, recorded_at__lt=clock.now() - settings.EVENT_DETAILS_FOR
    )
    batch = list(old.order_by("id").values_list("id", "xid")[:limit])
    ids = [event_id for event_id, xid in batch if xid < read]
    if len(ids) < len(batch):  # in the order of ids: what comes after one that is unread waits, too
        unread = min(event_id for event_id, xid in batch if xid >= read)
        ids = [event_id for event_id in ids if event_id < unread]
    if ids:
        sql.run("subscribers", "forget_events", {"ids": ids})
        Cursor.objects.filter(name=NAME).update(event_id=ids[-1], moved_at=clock.now())
    return len(ids)
