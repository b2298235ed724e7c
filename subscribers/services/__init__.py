"""The verbs of people and consent. Each one records what happened in its own transaction."""

from __future__ import annotations

from subscribers.services.addresses import parse_address
from subscribers.services.consent import (
    Consent,
    Place,
    confirm,
    evidence_of,
    subscribe,
    unsubscribe,
)
from subscribers.services.custom_events import (
    Recorded,
    forget_event_keys,
    record_custom_events,
    record_event,
)
from subscribers.services.fields import create_field
from subscribers.services.lists import archive_list, create_list, update_list
from subscribers.services.people import archive, create, restore, upsert
from subscribers.services.suppression import lift, suppress
from subscribers.services.tags import tag, untag

__all__ = [
    "Consent",
    "Place",
    "Recorded",
    "archive",
    "archive_list",
    "confirm",
    "create",
    "create_field",
    "create_list",
    "evidence_of",
    "forget_event_keys",
    "lift",
    "parse_address",
    "record_custom_events",
    "record_event",
    "restore",
    "subscribe",
    "suppress",
    "tag",
    "unsubscribe",
    "untag",
    "update_list",
    "upsert",
]
