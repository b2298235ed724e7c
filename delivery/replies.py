"""What a reply means and whom it concerns: decided by a table, never by "5xx is a bounce".

Pure. What ends the connection is decided here; what is refused by the table that also reads the
bounces that come later, `bounces.rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

from delivery.bounces import refusal, rules
from delivery.bounces.refusal import Refusal
from delivery.bounces.rules import Cause

Stage = Literal["connect", "tls", "ehlo", "auth", "mail", "rcpt", "data", "dot"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer and the command it answers; code 0 means that no answer came, and why."""

    code: int
    enhanced: str
    text: str
    stage: Stage

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code or ""), self.enhanced, self.text)))


class Kind(StrEnum):
    ACCEPTED = "accepted"
    RECIPIENT_TEMPORARY = "recipient_temporary"  # try this person again later
    RECIPIENT_PERMANENT = "recipient_permanent"  # nobody lives there: suppress
    SOFT_BOUNCE = "soft_bounce"  # refused for now, and nothing to retry: only repetition says more
    SENDER_TEMPORARY = "sender_temporary"  # we are too fast or too little known: slow down
    SENDER_PERMANENT = "sender_permanent"  # we are not wanted, whoever the recipient is
    CONTENT = "content"  # nobody will take this message
    CONNECTION = "connection"  # the server, not the message
    OUR_BUG = "our_bug"  # we spoke SMTP wrongly


class Verdict(NamedTuple):
    kind: Kind
    reason: str

    @property
    def suppress(self) -> bool:
        """Never write there again."""
        return self.kind is Kind.RECIPIENT_PERMANENT


def classify(reply: Reply) -> Verdict:
    """What the reply means."""
    if 200 <= reply.code < 300:
        return Verdict(Kind.ACCEPTED, "accepted")
    if reason := _breaks_off(reply):
        return Verdict(Kind.CONNECTION, reason)
    words = refusal.plain(reply.text)
    refused = Refusal(reply.code, reply.enhanced, words, _STAGES.get(reply.stage, "session"))
    cause = rules.judge(refused)
    return Verdict((_FOR_NOW if refused.temporary else _FOR_GOOD)[cause], cause.value)


def next_try(attempt: int, *, jitter: float) -> timedelta:
    """How long to wait after the attempt-th failure (from 1); `jitter` in [0, 1) spreads by ±20 %.

    When to stop is for the caller to say: `settlement.LAST_TRY`.
    """
    return BACKOFF[min(attempt, len(BACKOFF)) - 1] * (0.8 + 0.4 * jitter)


BACKOFF = (
    timedelta(minutes=5),
    timedelta(minutes=20),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)


def _breaks_off(reply: Reply) -> str:
    """Why the reply is about the connection and nobody's message, or ""."""
    if not 400 <= reply.code < 600:
        return "no_reply"
    if reply.code in _CONNECTION:
        return _CONNECTION[reply.code]
    return "session" if reply.stage in _SESSION else ""


_SESSION = ("connect", "tls", "ehlo", "auth")
_CONNECTION = {
    421: "closing",
    454: "tls_or_auth_unavailable",
    **dict.fromkeys((530, 534, 535, 538), "auth"),
}
_STAGES: dict[Stage, refusal.Stage] = {"rcpt": "rcpt", "data": "rcpt", "dot": "data"}

_FOR_GOOD = {
    Cause.UNKNOWN_RECIPIENT: Kind.RECIPIENT_PERMANENT,
    Cause.UNKNOWN_HOST: Kind.RECIPIENT_PERMANENT,
    Cause.MOVED: Kind.RECIPIENT_PERMANENT,
    Cause.MAILBOX_FULL: Kind.SOFT_BOUNCE,
    Cause.DEFERRED: Kind.RECIPIENT_TEMPORARY,
    Cause.GREYLISTED: Kind.RECIPIENT_TEMPORARY,
    Cause.EXPIRED: Kind.SOFT_BOUNCE,
    Cause.NETWORK: Kind.SOFT_BOUNCE,
    Cause.SERVER: Kind.SOFT_BOUNCE,
    Cause.UNDECIDED: Kind.SOFT_BOUNCE,
    Cause.DISABLED: Kind.SOFT_BOUNCE,
    Cause.UNWANTED: Kind.SOFT_BOUNCE,
    Cause.REFUSED: Kind.SOFT_BOUNCE,
    Cause.SENDER_ADDRESS: Kind.SENDER_PERMANENT,
    Cause.POLICY: Kind.SENDER_PERMANENT,
    Cause.RATE: Kind.SENDER_PERMANENT,
    Cause.SPAM: Kind.SENDER_PERMANENT,
    Cause.PROTOCOL: Kind.OUR_BUG,
    Cause.SMTPUTF8: Kind.SENDER_PERMANENT,
    Cause.SIZE: Kind.CONTENT,
    Cause.VIRUS: Kind.CONTENT,
    Cause.CONTENT: Kind.CONTENT,
}
_FOR_NOW = {
    cause: {Kind.SENDER_PERMANENT: Kind.SENDER_TEMPORARY}.get(kind, kind)
    for cause, kind in _FOR_GOOD.items()
} | dict.fromkeys((Cause.EXPIRED, Cause.NETWORK, Cause.SERVER), Kind.CONNECTION)
