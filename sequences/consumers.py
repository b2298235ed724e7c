from __future__ import annotations

from collections.abc import Sequence

from delivery import kinds as messages
from sequences import kinds as sequences
from sequences.services import endings, lifecycle, triggers, waking
from subscribers import kinds
from subscribers.feed import consumer
from subscribers.models import Event

# All that triggers, waits, goals and exits may be about: not the steps of runs.
HEARD = (
    kinds.SUBSCRIBER_UPDATED,
    kinds.SUBSCRIBER_ERASED,
    kinds.SUBSCRIPTION_PENDING,
    kinds.SUBSCRIPTION_CONFIRMED,
    kinds.SUBSCRIPTION_UNSUBSCRIBED,
    kinds.TAG_ADDED,
    kinds.TAG_REMOVED,
    kinds.SEGMENT_ENTERED,
    kinds.SEGMENT_LEFT,
    kinds.CUSTOM,
    *waking.FINISHED,
    messages.MESSAGE_DELIVERED,
    messages.MESSAGE_DEFERRED,
    messages.MESSAGE_OPENED,
    messages.MESSAGE_CLICKED,
    messages.MESSAGE_REPLIED,
    messages.MESSAGE_BOUNCED,
    messages.MESSAGE_COMPLAINED,
    messages.MESSAGE_UNSUBSCRIBED,
    sequences.ENROLLMENT_STARTED,
    sequences.ENROLLMENT_COMPLETED,
    sequences.ENROLLMENT_EXITED,
    sequences.ENROLLMENT_GOAL,
    sequences.ENROLLMENT_FAILED,
    sequences.ENROLLMENT_REMOVAL,
)


@consumer("sequences", kinds=HEARD)
def on_batch(batch: Sequence[Event]) -> None:
    """Start, end and wake runs; what is told too late sets nothing off."""
    timely = [event for event in batch if not event.late]
    triggers.start_by(timely)
    lifecycle.end_left(timely)
    lifecycle.end_removed(timely)
    lifecycle.forget_erased(batch)
    endings.end_by(timely)
    waking.wake(timely)
    waking.rouse(timely)
