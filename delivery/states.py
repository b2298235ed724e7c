from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from delivery.brakes import State
from delivery.dkim import ED25519, RSA_2048
from emailseq.lib.state import Move
from templates_app.states import MessageClass as MessageClass


class SourceKind(models.TextChoices):
    CAMPAIGN = "campaign", _("Campaign")
    SEQUENCE = "sequence", _("Sequence")
    CONFIRMATION = "confirmation", _("Confirmation")  # one a workspace: its id is the source's
    WELCOME = "welcome", _("Welcome")  # a source is a list
    NOTICE = "notice", _("Notice to a teammate")  # likewise
    TRANSACTIONAL = "transactional", _("Transactional")  # a source is a template


class Priority(models.IntegerChoices):
    """Whose turn it is where there is not room for all: the lowest first, but none is left out."""

    TRANSACTIONAL = 0, _("Transactional")
    SEQUENCE = 1, _("Sequence")
    CAMPAIGN = 2, _("Campaign")


class LaneState(models.TextChoices):
    """`delivery.brakes` moves them."""

    OPEN = State.OPEN.value, _("Open")
    RESTING = State.RESTING.value, _("Resting")
    PROBING = State.PROBING.value, _("Trying one message")
    PAUSED = State.PAUSED.value, _("Paused")


class SpecimenState(models.TextChoices):
    """Of a test send; under way also when the worker that handed it over has died."""

    QUEUED = "queued", _("Queued")
    UNDER_WAY = "under_way", _("Under way")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")


class CapPolicy(models.TextChoices):
    """What becomes of a message that a frequency cap holds back."""

    RESCHEDULE = "reschedule", _("Send it later")
    SKIP = "skip", _("Skip it")


class Outcome(models.TextChoices):
    """What became of a message; `in doubt` is the outbox row that nobody can finish yet."""

    SENT = "sent", _("Sent")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Failed")


class MessageState(models.TextChoices):
    """How far a transactional message has come: how it waits, or its outcome."""

    QUEUED = "queued", _("Queued")
    HELD = "held", _("Held")
    IN_DOUBT = "in_doubt", _("In doubt")
    SENT = "sent", _("Sent")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Failed")


class Failure(models.TextChoices):
    """Why a message failed or came back, where that speaks against its source; an event's verdict.

    Soft bounces are none of these; what is said about us while sending is the lane's affair.
    """

    HARD = "hard", _("Nobody has that address")
    CONTENT = "content", _("Nobody takes this message")
    SENDER = "sender", _("They do not want us")


class FeedbackKind(models.TextChoices):
    """What comes back of a message that has left."""

    DELIVERED = "delivered", _("Delivered")
    DEFERRED = "deferred", _("Not delivered yet")
    SOFT = "soft", _("Soft bounce")
    SOFT_STRICT = "soft_strict", _("Soft bounce that seldom gets better")
    HARD = "hard", _("Hard bounce")
    SENDER_FAULT = "sender_fault", _("Refused because of the sender")
    CONTENT_FAULT = "content_fault", _("Refused because of the content")
    COMPLAINED = "complained", _("Complaint")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
    REMARK = "remark", _("Remark about the sender")  # authentication failed, a virus was found
    AUTO_REPLY = "auto_reply", _("Automatic reply")
    REPLIED = "replied", _("Reply")


class HitKind(models.TextChoices):
    OPEN = "open", _("Opened")
    CLICK = "click", _("Clicked")


class Verdict(models.TextChoices):
    HUMAN = "human", _("Human")
    MACHINE = "machine", _("Machine")
    UNKNOWN = "unknown", _("Not known")


class LeavingReason(models.TextChoices):
    """Why somebody has unsubscribed, in their own words; the verdict of an event."""

    TOO_MANY = "too_many", _("Too many messages")
    IRRELEVANT = "irrelevant", _("Not relevant to them")
    NOT_ASKED = "not_asked", _("Never signed up")
    OTHER = "other", _("Another reason")


class ConfirmationState(models.TextChoices):
    """Of a message that asks somebody whether they mean it."""

    ASKED = "asked", _("Asked")
    CONFIRMED = "confirmed", _("Confirmed")
    DISOWNED = "disowned", _("“This was not me”")


CONFIRMATION_MOVES = {
    "confirm": Move((ConfirmationState.ASKED,), ConfirmationState.CONFIRMED),
    "disown": Move((ConfirmationState.ASKED,), ConfirmationState.DISOWNED),
}


class RequestKind(models.TextChoices):
    """What somebody has asked for by a link, and confirms by another that is mailed to them."""

    LINK = "link", _("A new link to their preferences")
    EXPORT = "export", _("A copy of their data")
    ERASE = "erase", _("Erasure of their data")


class EndpointState(models.TextChoices):
    ENABLED = "enabled", _("Enabled")
    DISABLED = "disabled", _("Disabled")


ENDPOINT_MOVES = {
    "disable": Move((EndpointState.ENABLED,), EndpointState.DISABLED),
    "enable": Move((EndpointState.DISABLED,), EndpointState.ENABLED),
}


class CallState(models.TextChoices):
    """Of a webhook call; `replay` starts it anew, with the same id and body."""

    QUEUED = "queued", _("Queued")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


CALL_MOVES = {
    "deliver": Move((CallState.QUEUED,), CallState.DELIVERED),
    "fail": Move((CallState.QUEUED,), CallState.FAILED),
    # One that waits for its next try is made now.
    "replay": Move((CallState.QUEUED, CallState.DELIVERED, CallState.FAILED), CallState.QUEUED),
}


class DomainState(models.TextChoices):
    """Whether DNS shows what a sending domain needs."""

    UNVERIFIED = "unverified", _("Not verified")
    VERIFIED = "verified", _("Verified")
    FAILING = "failing", _("Failing")


DOMAIN_MOVES = {
    "verify": Move((DomainState.UNVERIFIED, DomainState.FAILING), DomainState.VERIFIED),
    "fail": Move((DomainState.VERIFIED,), DomainState.FAILING),
}


class KeyAlgorithm(models.TextChoices):
    RSA_2048 = RSA_2048, _("RSA, 2048 bits")
    ED25519 = ED25519, "Ed25519"


class KeyState(models.TextChoices):
    """Of a DKIM key: it signs from when DNS shows it until the next one does."""

    NEW = "new", _("Waiting for DNS")
    ACTIVE = "active", _("Signing")
    RETIRING = "retiring", _("Replaced")
    RETIRED = "retired", _("Retired")


KEY_MOVES = {
    "activate": Move((KeyState.NEW,), KeyState.ACTIVE),
    "replace": Move((KeyState.ACTIVE,), KeyState.RETIRING),
    "retire": Move((KeyState.RETIRING,), KeyState.RETIRED),
}
