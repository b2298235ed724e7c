from __future__ import annotations

from delivery.admin import messages, webhooks

__all__ = ["messages", "webhooks"]
