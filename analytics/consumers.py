from __future__ import annotations

from collections.abc import Sequence

from analytics import services
from analytics.kinds import COUNTED
from subscribers.feed import LoggedEvent, consumer


@consumer("rollups", kinds=COUNTED)
def on_batch(events: Sequence[LoggedEvent]) -> None:
    services.count(events)
