from __future__ import annotations

from collections.abc import Sequence

from analytics import services
from analytics.kinds import COUNTED
from subscribers.feed import consumer
from subscribers.models import Event


@consumer("rollups", kinds=COUNTED)
def on_batch(events: Sequence[Event]) -> None:
    services.count(events)
