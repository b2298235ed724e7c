"""What is read out of one mail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from delivery.bounces.rules import Action


class MailKind(StrEnum):
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    OTHER = "other"  # a person's mail, or something else


@dataclass(frozen=True, slots=True)
class Report:
    """What the mail says about one recipient; anybody may have written it.

    `reason` is what the server said, or the feedback type of a complaint; `reported_by` the host
    that says so, both as they stood there.
    """

    recipient: str
    action: Action
    status: str = ""
    reason: str = ""
    reported_by: str = ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A mail to the bounce or reply mailbox.

    `message_ids`, in angle brackets, are those it answers or returns; `delivered_to` the addresses
    it came to, where a return path's token is found. `text` is what a person wrote, shortened.
    """

    kind: MailKind
    reports: tuple[Report, ...]
    message_ids: tuple[str, ...] = ()
    delivered_to: tuple[str, ...] = ()
    subject: str = ""
    sender: str = ""
    text: str = ""
