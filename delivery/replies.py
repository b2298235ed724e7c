"""What a reply means and whom it concerns: decided by a table, never by "5xx is a bounce".

Pure. Enhanced codes (RFC 3463) decide first, the basic code and then phrases where the code says
little. The same table reads the Status and Diagnostic-Code of a bounce that comes later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

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


class Rule(NamedTuple):
    kind: Kind
    reason: str
    applies: Callable[[Reply], object]

    @property
    def suppress(self) -> bool:
        """Never write there again."""
        return self.kind is Kind.RECIPIENT_PERMANENT


def classify(reply: Reply) -> Rule:
    """The first rule that applies: it says what the reply means."""
    return next(rule for rule in RULES if rule.applies(reply))


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


def _code(*codes: int) -> Callable[[Reply], object]:
    return lambda reply: reply.code in codes


def _enhanced(pattern: str) -> Callable[[Reply], object]:
    match = re.compile(pattern).fullmatch
    return lambda reply: match(reply.enhanced)


def _says(pattern: str, *, code: str = "") -> Callable[[Reply], object]:
    """The text matches, and so does the start of the basic code."""
    search = re.compile(pattern, re.IGNORECASE).search
    return lambda reply: str(reply.code).startswith(code) and search(reply.text)


SESSION = ("connect", "tls", "ehlo", "auth")
UNKNOWN = (
    r"(user|recipient|mailbox|account|address|alias)[^.;]{0,60}"
    r"(unknown|not (found|exist)|n't exist|no longer|invalid)"
    r"|(unknown|no such|invalid) (local |virtual )?"
    r"(user|recipient|mailbox|address|alias|account|host|domain)"
    r"|not a (valid|known) (user|mailbox|recipient)|no mailbox here"
    r"|(host|domain)[^.;]{0,60} not (found|exist)|n't have an? \S+ account"
)
FULL = r"(mailbox|inbox|account) (is |has been )?(over)?full|quota"
DISABLED = r"suspended|disabled|inactive|deactivated|not active"
RATE = r"\brate|too (many|fast|much)|throttl|TSS0[49]|reputation|complain"
BLOCKED = r"spamhaus|barracuda|\b(black|block|deny)[ -]?list|\b(dns|r)bl\b|this hour|per hour"
POLICY = (
    rf"{BLOCKED}|spam|\bblocked|reputation|dmarc|\bspf\b|dkim|polic(y|ies)|\bptr\b"
    r"|reverse (dns|host)|\brdns\b|banned|unsolicited|complain|relay|access denied"
    r"|not (authori[sz]ed|authenticated|permitted|allowed)"
)
SIZE = r"(message|mail|size)[^.;]{0,40}(too (large|big)|exceed|limit)"
VIRUS = r"virus|malware|infected"
GREYLIST = r"gr[ae]y[ -]?list"

# In order; what stands first decides.
RULES = (
    Rule(Kind.ACCEPTED, "accepted", lambda reply: 200 <= reply.code < 300),
    Rule(Kind.CONNECTION, "no_reply", lambda reply: not 400 <= reply.code < 600),
    Rule(Kind.CONNECTION, "auth", _code(530, 534, 535, 538)),
    Rule(Kind.CONNECTION, "closing", _code(421)),
    Rule(Kind.CONNECTION, "tls_or_auth_unavailable", _code(454)),
    Rule(Kind.CONNECTION, "session", lambda reply: reply.stage in SESSION),
    # codes that say enough; but a blocklist that answers 5.1.1 must not burn the address
    Rule(Kind.SENDER_PERMANENT, "policy", _says(BLOCKED, code="55")),
    Rule(Kind.RECIPIENT_PERMANENT, "unknown_recipient", _enhanced(r"5\.1\.(1|2|3|6|10)")),
    Rule(Kind.SOFT_BOUNCE, "mailbox_full", _enhanced(r"[45]\.2\.2")),
    Rule(Kind.SOFT_BOUNCE, "disabled", _enhanced(r"5\.2\.1")),
    Rule(Kind.CONTENT, "size", _enhanced(r"5\.(3\.4|2\.3)")),
    Rule(Kind.SENDER_PERMANENT, "smtputf8", _enhanced(r"5\.6\.7")),
    Rule(Kind.CONTENT, "content", _enhanced(r"5\.6\.\d+")),
    Rule(Kind.SENDER_PERMANENT, "sender_address", _enhanced(r"5\.1\.[78]")),
    Rule(Kind.SENDER_TEMPORARY, "sender_address", _enhanced(r"4\.1\.[78]")),
    Rule(Kind.SENDER_PERMANENT, "policy", _enhanced(r"5\.7\.\d+")),
    Rule(Kind.OUR_BUG, "protocol", _enhanced(r"5\.5\.[1-9]\d*")),
    Rule(Kind.RECIPIENT_TEMPORARY, "greylisted", _says(GREYLIST, code="4")),
    Rule(Kind.RECIPIENT_TEMPORARY, "deferred", _enhanced(r"4\.[12]\.\d+")),
    Rule(Kind.SENDER_TEMPORARY, "rate", _says(f"{RATE}|{POLICY}", code="4")),
    Rule(
        Kind.RECIPIENT_TEMPORARY,
        "greylisted",
        lambda reply: (reply.code, reply.enhanced) == (451, "4.7.1"),
    ),
    Rule(Kind.SENDER_TEMPORARY, "rate", _enhanced(r"4\.7\.\d+")),
    Rule(Kind.CONNECTION, "server", _enhanced(r"4\.[34]\.\d+")),
    # codes that leave it to the text
    Rule(Kind.SOFT_BOUNCE, "mailbox_full", _says(FULL)),
    Rule(Kind.RECIPIENT_TEMPORARY, "deferred", lambda reply: reply.code < 500),
    Rule(Kind.CONTENT, "virus", _says(VIRUS)),
    Rule(Kind.CONTENT, "size", _says(SIZE)),
    Rule(Kind.SENDER_PERMANENT, "policy", _says(POLICY)),
    Rule(Kind.RECIPIENT_PERMANENT, "unknown_recipient", _says(UNKNOWN, code="55")),
    Rule(Kind.SOFT_BOUNCE, "disabled", _says(DISABLED)),
    Rule(Kind.CONTENT, "size", _code(552)),
    Rule(Kind.OUR_BUG, "protocol", _code(500, 501, 502, 503, 504, 555)),
    Rule(Kind.SOFT_BOUNCE, "refused", lambda reply: True),
)
