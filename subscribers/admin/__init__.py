from __future__ import annotations

from subscribers.admin import audience, fields, forms, lists, segments

__all__ = ["audience", "fields", "forms", "lists", "segments"]
