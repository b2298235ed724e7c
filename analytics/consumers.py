from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from analytics import conversions, insights, links, services, shares
from analytics.kinds import COUNTED
from delivery.kinds import MESSAGE_CLICKED
from subscribers.feed import consumer
from subscribers.kinds import CUSTOM, SUBSCRIBER_ERASED
from subscribers.models import Event


@consumer("rollups", kinds=COUNTED)
def on_batch(events: Sequence[Event]) -> None:
    services.count(events)


@consumer("links", kinds=[MESSAGE_CLICKED])
def on_clicks(events: Sequence[Event]) -> None:
    links.count(events)


@consumer("shares", kinds=shares.COUNTED)
def on_finer(events: Sequence[Event]) -> None:
    shares.count(events)


@consumer("habits", kinds=[*shares.ACTIVITY, SUBSCRIBER_ERASED])
def on_activity(events: Sequence[Event]) -> None:
    insights.count(events)


# A click is judged some seconds after it was made, and what it led to may be told at once.
@consumer("conversions", kinds=[CUSTOM], after=timedelta(seconds=15))
def on_told(events: Sequence[Event]) -> None:
    conversions.attribute(events)
