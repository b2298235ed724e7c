from __future__ import annotations

from delivery.admin import domains, messages, webhooks

__all__ = ["domains", "messages", "webhooks"]
