"""The verbs of delivery: what campaigns and sequences may ask of it, and what people may."""

from __future__ import annotations

from delivery.services.messages import (
    NewMessage,
    Whose,
    cancel,
    create_sender,
    explain_unsubscribe,
    find_message,
    finish,
    hand_over,
    held_reason,
    hold,
    hold_messages,
    mirror,
    queue_each,
    queue_many,
    record_unsubscribe,
    release,
    release_messages,
    resolve_in_doubt,
    spread,
    whose,
)

__all__ = [
    "NewMessage",
    "Whose",
    "cancel",
    "create_sender",
    "explain_unsubscribe",
    "find_message",
    "finish",
    "hand_over",
    "held_reason",
    "hold",
    "hold_messages",
    "mirror",
    "queue_each",
    "queue_many",
    "record_unsubscribe",
    "release",
    "release_messages",
    "resolve_in_doubt",
    "spread",
    "whose",
]
