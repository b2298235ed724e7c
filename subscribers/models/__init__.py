from __future__ import annotations

from subscribers.models.consent import ConsentEntry
from subscribers.models.engagement import Engagement
from subscribers.models.event import Cursor, Event, EventKey, EventName, LogBase
from subscribers.models.field import CustomField
from subscribers.models.form import Form, SignUp
from subscribers.models.imports import Import, ImportPart
from subscribers.models.list import List, ListQuerySet, Subscription
from subscribers.models.segment import Segment, SegmentMember
from subscribers.models.subscriber import Subscriber
from subscribers.models.suppression import Suppression, SuppressionQuerySet
from subscribers.models.tag import Tag, TagAssignment

__all__ = [
    "ConsentEntry",
    "Cursor",
    "CustomField",
    "Engagement",
    "Event",
    "EventKey",
    "EventName",
    "Form",
    "Import",
    "ImportPart",
    "List",
    "ListQuerySet",
    "LogBase",
    "Segment",
    "SegmentMember",
    "SignUp",
    "Subscriber",
    "Subscription",
    "Suppression",
    "SuppressionQuerySet",
    "Tag",
    "TagAssignment",
]
