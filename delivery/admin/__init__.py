from __future__ import annotations

from delivery.admin import messages

__all__ = ["messages"]
