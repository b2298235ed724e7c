"""What people choose themselves: which lists, how often, in which language, and when again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.audit import SUBSCRIBER, Actor
from delivery.models import Outbox
from delivery.services.messages import find_message, record_unsubscribe
from delivery.states import MessageClass
from emailseq.lib import clock
from subscribers import services as people
from subscribers.models import List, Subscriber, Subscription
from subscribers.services import Consent
from subscribers.states import SubscriptionState

ON = (SubscriptionState.PENDING, SubscriptionState.CONFIRMED)


def places(subscriber: Subscriber) -> list[tuple[List, str]]:
    """The lists that somebody is shown, each with the state of their place on it, or ''.

    Anybody may see the public ones; a private one only who is on it, to leave.
    """
    own = Subscription.objects.filter(subscriber=subscriber)
    states = dict(own.values_list("list_id", "state"))
    shown = List.objects.of(subscriber.workspace).filter(archived_at=None)
    shown = shown.filter(Q(public=True) | Q(pk__in=own.filter(state__in=ON).values("list")))
    return [(each, states.get(each.pk, "")) for each in shown.order_by("name", "id")]


@transaction.atomic
def choose(
    subscriber: Subscriber,
    *,
    lists: Collection[str],
    frequency: str,
    language: str,
    consent: Consent,
    message_id: int = 0,
) -> bool:
    """Have somebody on these of the lists they are shown, by public id, and on no other of them.

    Leaving counts for the message whose link led here, where it was of that list. Returns whether
    a mail asks them to confirm what they have joined. Raises Invalid.
    """
    given: dict[str, Any] = {"frequency": frequency, "language": language}
    people.upsert(subscriber.workspace, email=subscriber.email, by=SUBSCRIBER, **given)
    for each, state in places(subscriber):
        wanted = each.public_id in lists
        if wanted and state not in ON:
            people.join(subscriber, to=each, consent=consent)
        elif state in ON and not wanted:
            _leave(subscriber, each, message_id)
    return any(
        state == SubscriptionState.PENDING and each.public_id in lists
        for each, state in places(subscriber)
    )


@transaction.atomic
def snooze(subscriber: Subscriber, *, until: datetime | None, by: Actor) -> bool:
    """Send somebody no marketing before `until`; without one, from now on again.

    Sequences wait, campaigns leave them out. What waits already comes when they want it now. False
    when it was so before. Raises Invalid.
    """
    before = people.snooze(subscriber, until=until, by=by)
    if before == until:
        return False
    if before is None:
        return True
    waiting = Outbox.objects.filter(
        subscriber=subscriber,
        run_at=before,
        lease_token=None,
        message_class=MessageClass.MARKETING,
    )
    locked = waiting.order_by("id").select_for_update(no_key=True)
    rows = Outbox.objects.filter(pk__in=locked.values("id"))
    rows.update(run_at=until or clock.now())
    return True


def _leave(subscriber: Subscriber, from_list: List, message_id: int) -> None:
    message = find_message(message_id) if message_id else None
    if message and message.subscriber_id == subscriber.pk and message.list_id == from_list.pk:
        record_unsubscribe(message)
    else:
        people.unsubscribe(subscriber, by=SUBSCRIBER, from_list=from_list)
