"""What a refusal means, whether a server says it at once or in a bounce: the one table.

Codes that speak for themselves decide first, then words, and never "5xx is hard". Only what names
the recipient as nobody ends in suppression.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from delivery.bounces import phrases
from delivery.bounces.refusal import Refusal


class Action(StrEnum):
    SUPPRESS = "suppress"  # nobody lives there
    SOFT = "soft"  # for now; only repetition says more
    SOFT_STRICT = "soft_strict"  # for now, but it seldom gets better
    SENDER_FAULT = "sender_fault"  # they do not want us, whoever the recipient is
    CONTENT_FAULT = "content_fault"  # nobody will take this message
    COMPLAINT = "complaint"  # the recipient called it spam, or opted out
    AUTO_REPLY = "auto_reply"  # a machine answers, and all is well
    NOT_BOUNCE = "not_bounce"


class Cause(StrEnum):
    UNKNOWN_RECIPIENT = "unknown_recipient"
    UNKNOWN_HOST = "unknown_host"
    MOVED = "moved"
    MAILBOX_FULL = "mailbox_full"
    DEFERRED = "deferred"  # for now, and no word why
    GREYLISTED = "greylisted"
    EXPIRED = "expired"
    NETWORK = "network"
    SERVER = "server"
    UNDECIDED = "undecided"  # neither code nor word says anything
    DISABLED = "disabled"
    UNWANTED = "unwanted"  # a filter of the recipient, or a host that takes no mail
    REFUSED = "refused"  # for good, and no word why
    SENDER_ADDRESS = "sender_address"
    POLICY = "policy"
    RATE = "rate"
    SPAM = "spam"
    PROTOCOL = "protocol"
    SMTPUTF8 = "smtputf8"
    SIZE = "size"
    VIRUS = "virus"
    CONTENT = "content"

    @property
    def action(self) -> Action:
        return _ACTIONS[self]

    @property
    def vague(self) -> bool:
        """The code alone decided: more text may say more."""
        return self in (Cause.REFUSED, Cause.DEFERRED, Cause.UNDECIDED)


_ACTIONS = {
    Cause.UNKNOWN_RECIPIENT: Action.SUPPRESS,
    Cause.UNKNOWN_HOST: Action.SUPPRESS,
    Cause.MOVED: Action.SUPPRESS,
    Cause.MAILBOX_FULL: Action.SOFT,
    Cause.DEFERRED: Action.SOFT,
    Cause.GREYLISTED: Action.SOFT,
    Cause.EXPIRED: Action.SOFT,
    Cause.NETWORK: Action.SOFT,
    Cause.SERVER: Action.SOFT,
    Cause.UNDECIDED: Action.SOFT,
    Cause.DISABLED: Action.SOFT_STRICT,
    Cause.UNWANTED: Action.SOFT_STRICT,
    Cause.REFUSED: Action.SOFT_STRICT,
    Cause.SENDER_ADDRESS: Action.SENDER_FAULT,
    Cause.POLICY: Action.SENDER_FAULT,
    Cause.RATE: Action.SENDER_FAULT,
    Cause.SPAM: Action.SENDER_FAULT,
    Cause.PROTOCOL: Action.SENDER_FAULT,
    Cause.SMTPUTF8: Action.SENDER_FAULT,
    Cause.SIZE: Action.CONTENT_FAULT,
    Cause.VIRUS: Action.CONTENT_FAULT,
    Cause.CONTENT: Action.CONTENT_FAULT,
}


def judge(refused: Refusal) -> Cause:
    """The first rule that applies."""
    return next(cause for cause, applies in RULES if applies(refused))


Test = Callable[[Refusal], object]


def _says(pattern: re.Pattern[str]) -> Test:
    return lambda refused: pattern.search(refused.words)


def _enhanced(pattern: str) -> Test:
    match = re.compile(pattern).fullmatch
    return lambda refused: match(refused.enhanced)


def _code(*codes: int) -> Test:
    return lambda refused: refused.code in codes


def _both(*tests: Test) -> Test:
    return lambda refused: all(test(refused) for test in tests)


def _temporary(refused: Refusal) -> bool:
    return refused.temporary


def _permanent(refused: Refusal) -> bool:
    return refused.permanent


def _at_the_door(refused: Refusal) -> bool:
    return refused.stage == "session" and refused.permanent


def _unproven(refused: Refusal) -> bool:
    """A quoted reply that need not have answered RCPT: filters say so too, once they have the data.

    A code 5.1.x insists; and what a server says of its own accord it looked up.
    """
    if refused.enhanced.startswith("5.1.") or refused.stage == "rcpt":
        return False
    return refused.stage == "data" or refused.quoted


_SYNTAX = _code(500, 501, 502, 503, 504, 555)

# In order; what stands first decides.
RULES: tuple[tuple[Cause, Test], ...] = (
    # words that hold whatever the code is: a blocklist that answers 5.1.1 burns no address
    (Cause.GREYLISTED, _both(_temporary, _says(phrases.GREYLISTED))),
    (Cause.VIRUS, _both(_permanent, _says(phrases.VIRUS))),
    (Cause.POLICY, _says(phrases.BLOCKLISTED)),
    (Cause.DEFERRED, _says(phrases.BUSY)),
    (Cause.RATE, _says(phrases.RATE)),
    (Cause.RATE, _enhanced(r"[45]\.7\.28|5\.4\.5")),
    (Cause.MAILBOX_FULL, _enhanced(r"[45]\.2\.2")),
    (Cause.SENDER_ADDRESS, _says(phrases.SENDER)),
    (Cause.MAILBOX_FULL, _says(phrases.FULL)),
    (Cause.UNWANTED, _says(phrases.UNWISHED)),
    # for now
    (Cause.SENDER_ADDRESS, _enhanced(r"4\.1\.[78]")),
    (Cause.GREYLISTED, _both(_code(451), _enhanced(r"4\.7\.1"))),
    (Cause.RATE, _enhanced(r"4\.7\.\d+")),
    (Cause.RATE, _both(_temporary, _says(phrases.POLICY))),
    (Cause.RATE, _both(_temporary, _says(phrases.SPAM))),
    (Cause.RATE, _both(_temporary, _says(phrases.AUTHENTICITY))),
    (Cause.EXPIRED, _enhanced(r"4\.4\.7")),
    (Cause.NETWORK, _enhanced(r"4\.4\.\d+")),
    (Cause.SERVER, _enhanced(r"4\.3\.\d+")),
    (Cause.DEFERRED, _temporary),
    # codes that say enough
    (Cause.UNKNOWN_HOST, _enhanced(r"5\.1\.2")),
    (Cause.UNKNOWN_RECIPIENT, _enhanced(r"5\.1\.(1|3|10)")),
    (Cause.UNKNOWN_RECIPIENT, _both(_enhanced(r"5\.5\.0"), _says(phrases.UNAVAILABLE))),
    (Cause.MOVED, _enhanced(r"5\.1\.6")),
    (Cause.SENDER_ADDRESS, _enhanced(r"5\.1\.[78]")),
    (Cause.SIZE, _enhanced(r"5\.(3\.4|2\.3)")),
    (Cause.SMTPUTF8, _enhanced(r"5\.6\.7")),
    (Cause.CONTENT, _enhanced(r"5\.6\.\d+")),
    (Cause.UNWANTED, _enhanced(r"5\.7\.(504|505|507|510)")),
    (Cause.EXPIRED, _enhanced(r"5\.4\.(7|316)")),
    (Cause.NETWORK, _enhanced(r"5\.4\.6")),
    # words about us and the message
    (Cause.POLICY, _says(phrases.RELAY)),
    (Cause.CONTENT, _says(phrases.ATTACHMENT)),
    (Cause.SPAM, _says(phrases.SPAM)),
    (Cause.POLICY, _says(phrases.AUTHENTICITY)),
    (Cause.SIZE, _both(_at_the_door, _says(phrases.SIZE))),
    (Cause.PROTOCOL, _both(_at_the_door, _SYNTAX)),
    (Cause.POLICY, _at_the_door),
    # words about the recipient
    (Cause.NETWORK, _says(phrases.LOOKUP)),
    (Cause.UNKNOWN_RECIPIENT, _says(phrases.NO_ACCOUNT)),
    (Cause.UNWANTED, _both(_unproven, _says(phrases.UNKNOWN))),
    (Cause.DISABLED, _both(_enhanced(r"5\.2\.1"), _says(phrases.DISABLED))),
    (Cause.MOVED, _says(phrases.MOVED)),
    (Cause.UNKNOWN_RECIPIENT, _says(phrases.UNKNOWN)),
    (Cause.UNKNOWN_HOST, _says(phrases.NO_HOST)),
    (Cause.DISABLED, _enhanced(r"5\.2\.1")),
    (Cause.DISABLED, _says(phrases.DISABLED)),
    # what is left
    (Cause.POLICY, _enhanced(r"5\.7\.\d+")),
    (Cause.SIZE, _says(phrases.SIZE)),
    (Cause.CONTENT, _says(phrases.CONTENT)),
    (Cause.UNWANTED, _says(phrases.UNWANTED)),
    (Cause.EXPIRED, _says(phrases.EXPIRED)),
    (Cause.NETWORK, _says(phrases.NETWORK)),
    (Cause.POLICY, _says(phrases.POLICY)),
    (Cause.PROTOCOL, _says(phrases.PROTOCOL)),
    (Cause.SERVER, _says(phrases.SERVER)),
    # codes that say little
    (Cause.NETWORK, _enhanced(r"5\.4\.\d+")),
    (Cause.SERVER, _enhanced(r"5\.3\.[1-9]\d*")),
    (Cause.PROTOCOL, _enhanced(r"5\.5\.[1-9]\d*")),
    (Cause.PROTOCOL, _SYNTAX),
    (Cause.SIZE, _code(552)),
    (Cause.REFUSED, _permanent),
    (Cause.UNDECIDED, lambda refused: True),
)
