from __future__ import annotations

from subscribers.api.events import EventCatalogue, Events
from subscribers.api.lists import Lists
from subscribers.api.subscribers import Subscribers
from subscribers.api.suppressions import Suppressions

__all__ = ["EventCatalogue", "Events", "Lists", "Subscribers", "Suppressions"]
