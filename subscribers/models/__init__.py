from __future__ import annotations

from subscribers.models.event import Cursor, Event
from subscribers.models.field import CustomField
from subscribers.models.imports import Import
from subscribers.models.list import List, Subscription
from subscribers.models.subscriber import MAX_NAME, Subscriber
from subscribers.models.suppression import Suppression
from subscribers.models.tag import Tag, TagAssignment

__all__ = [
    "MAX_NAME",
    "Cursor",
    "CustomField",
    "Event",
    "Import",
    "List",
    "Subscriber",
    "Subscription",
    "Suppression",
    "Tag",
    "TagAssignment",
]
