from __future__ import annotations

from delivery.admin import domains, feedback, messages, transactional, transports, webhooks

__all__ = ["domains", "feedback", "messages", "transactional", "transports", "webhooks"]
