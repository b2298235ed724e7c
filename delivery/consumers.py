from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from accounts.audit import SYSTEM
from delivery import groups, kinds, opt_in
from delivery.services import confirmations, webhooks, welcomes
from delivery.webhooks import tell
from emailseq.lib import clock
from subscribers import services as people
from subscribers.feed import consumer
from subscribers.kinds import SUBSCRIPTION_CONFIRMED, SUBSCRIPTION_PENDING
from subscribers.models import Event, Subscriber
from subscribers.states import SuppressionReason


@consumer("bounces", kinds=[kinds.MESSAGE_FAILED])
def on_failed(batch: Sequence[Event]) -> None:
    """Addresses where nobody lives are never written to again."""
    bounced = {event.subscriber_id: event for event in batch if event.properties.get("suppress")}
    subscribers = Subscriber.objects.filter(pk__in=list(bounced)).select_related("workspace")
    for subscriber in subscribers.order_by("pk"):
        event = bounced[subscriber.pk]
        people.suppress(
            subscriber.workspace,
            email=subscriber.email,
            reason=SuppressionReason.HARD_BOUNCE,
            by=SYSTEM,
            note=event.properties.get("reason", ""),
            message_id=event.message_id,
        )


@consumer("domains", kinds=[SUBSCRIPTION_CONFIRMED])
def on_confirmed(batch: Sequence[Event]) -> None:
    """New people may bring new domains, which have to be grouped before they are written to."""
    groups.count([event.subscriber_id for event in batch if event.subscriber_id])


@consumer("confirmations", kinds=[SUBSCRIPTION_PENDING])
def on_pending(batch: Sequence[Event]) -> None:
    """Who is pending is asked whether they mean it; whoever brings a file of people asks nobody."""
    now = clock.now()
    confirmations.ask(_news(batch, now), now=now)


@consumer("welcomes", kinds=[SUBSCRIPTION_CONFIRMED])
def on_joined(batch: Sequence[Event]) -> None:
    """Who joins a list is welcomed; whom a file has brought has been there before."""
    now = clock.now()
    welcomes.greet(_news(batch, now), now=now)


@consumer(webhooks.CONSUMER)
def on_anything(batch: Sequence[Event]) -> None:
    """Tell whoever wants to hear of it; nobody reads this cursor while nobody listens."""
    tell(batch)


def _news(batch: Sequence[Event], now: datetime) -> set[tuple[int, int]]:
    """Who has come to which list, but by an import, and not so long ago that it is no news."""
    return {
        (event.subscriber_id, event.properties["list_id"])
        for event in batch
        if event.subscriber_id
        and "import" not in event.properties
        and now - event.recorded_at < opt_in.GOOD_FOR
    }
