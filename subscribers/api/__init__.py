from __future__ import annotations

from subscribers.api.batches import PeopleBatches
from subscribers.api.consents import Consents
from subscribers.api.events import EventCatalogue, Events
from subscribers.api.fields import Fields
from subscribers.api.forms import Forms
from subscribers.api.imports import PeopleImports
from subscribers.api.lists import Lists
from subscribers.api.segments import SegmentMembers, Segments
from subscribers.api.subscribers import Subscribers
from subscribers.api.suppressions import Suppressions
from subscribers.api.tags import Tags

__all__ = [
    "Consents",
    "EventCatalogue",
    "Events",
    "Fields",
    "Forms",
    "Lists",
    "PeopleBatches",
    "PeopleImports",
    "SegmentMembers",
    "Segments",
    "Subscribers",
    "Suppressions",
    "Tags",
]
