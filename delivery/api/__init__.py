from __future__ import annotations

from delivery.api.domains import SendingDomains
from delivery.api.explanations import MessageExplanations
from delivery.api.mailboxes import Mailboxes
from delivery.api.messages import Messages
from delivery.api.opt_in import OptInMessages
from delivery.api.personal import PersonalData
from delivery.api.renderings import Renderings
from delivery.api.senders import SenderIdentities
from delivery.api.specimens import TemplateTests
from delivery.api.timeline import Timeline
from delivery.api.transports import Transports
from delivery.api.webhooks import WebhookCalls, WebhookEndpoints
from delivery.api.welcome import WelcomeMessages

__all__ = [
    "Mailboxes",
    "MessageExplanations",
    "Messages",
    "OptInMessages",
    "PersonalData",
    "Renderings",
    "SenderIdentities",
    "SendingDomains",
    "TemplateTests",
    "Timeline",
    "Transports",
    "WebhookCalls",
    "WebhookEndpoints",
    "WelcomeMessages",
]
