from __future__ import annotations

from delivery.models.confirmation import Confirmation, OptInMessage, WelcomeMessage
from delivery.models.domain import DkimKey, SendingDomain
from delivery.models.feedback import (
    Callback,
    CallbackQuerySet,
    Feedback,
    FeedbackQuerySet,
    Forward,
    ForwardQuerySet,
)
from delivery.models.mailbox import Mailbox, MailboxQuerySet
from delivery.models.message import Hit, Lease, Message, Outbox, OutboxQuerySet, SendLedger
from delivery.models.request import DataRequest
from delivery.models.source import MessageSource, SenderIdentity, Source, SourceKey
from delivery.models.specimen import Specimen
from delivery.models.stop import Deployment, SendingPause, SendingPauseQuerySet
from delivery.models.transactional import Attachment, TransactionalMessage
from delivery.models.transport import Lane, RecipientDomain, Transport
from delivery.models.webhook import (
    WebhookAttempt,
    WebhookCall,
    WebhookCallQuerySet,
    WebhookEndpoint,
    WebhookEndpointQuerySet,
)

__all__ = [
    "Attachment",
    "Callback",
    "CallbackQuerySet",
    "Confirmation",
    "DataRequest",
    "Deployment",
    "DkimKey",
    "Feedback",
    "FeedbackQuerySet",
    "Forward",
    "ForwardQuerySet",
    "Hit",
    "Lane",
    "Lease",
    "Mailbox",
    "MailboxQuerySet",
    "Message",
    "MessageSource",
    "OptInMessage",
    "Outbox",
    "OutboxQuerySet",
    "RecipientDomain",
    "SendLedger",
    "SenderIdentity",
    "SendingDomain",
    "SendingPause",
    "SendingPauseQuerySet",
    "Source",
    "SourceKey",
    "Specimen",
    "TransactionalMessage",
    "Transport",
    "WebhookAttempt",
    "WebhookCall",
    "WebhookCallQuerySet",
    "WebhookEndpoint",
    "WebhookEndpointQuerySet",
    "WelcomeMessage",
]
