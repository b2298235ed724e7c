from __future__ import annotations

from collections.abc import Sequence

from sequences.services import enroll, lifecycle
from subscribers import kinds
from subscribers.feed import consumer
from subscribers.models import Event


@consumer(
    "sequences",
    kinds=[kinds.SUBSCRIPTION_CONFIRMED, kinds.SUBSCRIPTION_UNSUBSCRIBED, *lifecycle.WAKING],
)
def on_batch(batch: Sequence[Event]) -> None:
    """Start, end and wake runs."""
    enroll.by_triggers(batch)
    lifecycle.end_left(batch)
    lifecycle.wake(batch)
