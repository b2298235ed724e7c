from __future__ import annotations

from delivery.api.renderings import Renderings
from delivery.api.senders import SenderIdentities
from delivery.api.timeline import Timeline
from delivery.api.webhooks import WebhookCalls, WebhookEndpoints

__all__ = ["Renderings", "SenderIdentities", "Timeline", "WebhookCalls", "WebhookEndpoints"]
