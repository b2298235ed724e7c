from __future__ import annotations

from subscribers.admin import audience, fields, lists, segments

__all__ = ["audience", "fields", "lists", "segments"]
