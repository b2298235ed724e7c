from __future__ import annotations

from delivery.admin import domains, feedback, messages, transports, webhooks

__all__ = ["domains", "feedback", "messages", "transports", "webhooks"]
