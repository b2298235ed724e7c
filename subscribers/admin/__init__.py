from __future__ import annotations

from subscribers.admin import audience, fields

__all__ = ["audience", "fields"]
