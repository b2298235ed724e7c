from __future__ import annotations

from collections.abc import Sequence

from emailseq.lib import sql
from subscribers.feed import consumer
from subscribers.models import Event

# What each is worth; opens are estimates, and whoever has just joined is not cold.
POINTS = {
    "message.opened": 1,
    "message.clicked": 4,
    "message.replied": 6,
    "subscription.confirmed": 3,
}


@consumer("engagement", kinds=list(POINTS))
def on_engaged(events: Sequence[Event]) -> None:
    """Count what people do; machines that open and click for them do not count."""
    rows = [
        (event.subscriber_id, POINTS[event.kind], event.occurred_at)
        for event in events
        if event.subscriber_id and event.verdict in ("", "human")
    ]
    if rows:
        sql.run("subscribers", "engage", sql.columns(("subscriber_id", "points", "at"), rows))
