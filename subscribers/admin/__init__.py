from __future__ import annotations

from subscribers.admin import audience, subscriber

__all__ = ["audience", "subscriber"]
