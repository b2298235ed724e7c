from __future__ import annotations

from delivery.admin import domains, messages, transports, webhooks

__all__ = ["domains", "messages", "transports", "webhooks"]
