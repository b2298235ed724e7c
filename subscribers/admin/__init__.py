from __future__ import annotations

from subscribers.admin import audience, fields, forms, imports, lists, segments, suppressions

__all__ = ["audience", "fields", "forms", "imports", "lists", "segments", "suppressions"]
