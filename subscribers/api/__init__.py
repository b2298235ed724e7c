from __future__ import annotations

from subscribers.api.lists import Lists
from subscribers.api.subscribers import Subscribers
from subscribers.api.suppressions import Suppressions

__all__ = ["Lists", "Subscribers", "Suppressions"]
