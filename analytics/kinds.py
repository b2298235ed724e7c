"""The event kind this app records, and those that are counted: all that is shown as a number."""

from __future__ import annotations

from delivery import kinds as delivery
from subscribers import kinds as subscribers

# Somebody did what they are to do in the end; `source_*` and `message_id` name the message that
# takes credit for it, if one does, the verdict is the id of the conversion.
CONVERSION_REACHED = "conversion.reached"

COUNTED = (
    subscribers.SUBSCRIPTION_CONFIRMED,
    subscribers.SUBSCRIPTION_UNSUBSCRIBED,
    delivery.MESSAGE_SENT,
    delivery.MESSAGE_DEFERRED,
    delivery.MESSAGE_SKIPPED,
    delivery.MESSAGE_FAILED,
    delivery.MESSAGE_IN_DOUBT,
    delivery.MESSAGE_OPENED,
    delivery.MESSAGE_CLICKED,
    delivery.MESSAGE_UNSUBSCRIBED,
    delivery.UNSUBSCRIBE_EXPLAINED,
    delivery.MESSAGE_BOUNCED,
    delivery.MESSAGE_COMPLAINED,
    # Recorded by sequences, the floor above: their names come down, an import may not go up.
    "enrollment.started",
    "enrollment.held_out",
    "enrollment.step",
    "enrollment.completed",
    "enrollment.exited",
    "enrollment.failed",
    "goal.reached",
    "goal.credited",
    CONVERSION_REACHED,
)
