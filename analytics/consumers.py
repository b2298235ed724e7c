from __future__ import annotations

from collections.abc import Sequence

from analytics import links, services
from analytics.kinds import COUNTED
from delivery.kinds import MESSAGE_CLICKED
from subscribers.feed import consumer
from subscribers.models import Event


@consumer("rollups", kinds=COUNTED)
def on_batch(events: Sequence[Event]) -> None:
    services.count(events)


@consumer("links", kinds=[MESSAGE_CLICKED])
def on_clicks(events: Sequence[Event]) -> None:
    links.count(events)
