from __future__ import annotations

from subscribers.admin import audience, fields, forms, lists, segments, suppressions

__all__ = ["audience", "fields", "forms", "lists", "segments", "suppressions"]
