from __future__ import annotations

from subscribers.admin import audience

__all__ = ["audience"]
