from __future__ import annotations

from subscribers.admin import audience, fields, segments

__all__ = ["audience", "fields", "segments"]
