"""A refusal as `rules` judge it: codes, words and what it answered, read out of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from delivery.bounces.phrases import one_of

TEXT = 3_000  # characters that are searched for phrases; more takes too long

Stage = Literal["", "session", "rcpt", "data"]


class Refusal(NamedTuple):
    """What a server said: its basic code or 0, its enhanced code or "", its words.

    `stage`: what it answered, "" when nobody says; "session" up to MAIL FROM.
    """

    code: int
    enhanced: str
    words: str  # as `plain` makes them
    stage: Stage = ""
    quoted: bool = True  # told of somebody else, not what the writer found out

    @property
    def temporary(self) -> bool:
        return self.enhanced.startswith("4") or (not self.enhanced and 400 <= self.code < 500)

    @property
    def permanent(self) -> bool:
        return self.enhanced.startswith("5") or self.code >= 500


# A code that is introduced as one; then, any number that looks like it.
_REPLY = re.compile(
    r"(?:^|smtp;|said:|<<<|reply:?|returned:?|response:?|error:?|code ?:?|status:?|was:"
    r"|[\n(\[\"'<>:])\s*#?\(?(4[25]\d|5[0-57]\d)(?=[ \-)#:;,\]\"]|$)",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?<![\d.:/@-])(4[25]\d|5[0-5]\d)(?=[ -]#?\D|[ -][45]\.)")
_ENHANCED = re.compile(
    r"(?:\b[245]\d\d[ -]+[#'\"]?|#\s?|[(<\[ :=]|^)([45]\.[0-7]\.\d{1,3})(?![.\d])"
)

_SESSION = one_of(r"""
    (after|reply to|response to|during) (the )?(initial (connection|greeting)|ehlo|helo|mail from)
    refused to talk to me|\[mail_from\]|\(state ([0-9]|1[0-2])\)
    >>> ?(mail from|helo|ehlo)[^\n]*\n?\s*<<< ?5
""")
# Where DATA came in one go with RCPT, it was refused because the recipient had been.
_RCPT = one_of(r"""
    (after|reply to|response to|>>>|<<<|\bin:|our|\[|command)[-:\s]{0,12}rcpt
    not like recipient|recipient address rejected|no valid recipients|\(state 1[34]\)
    \b55\d[ -]<[^<>\s]+@[^<>\s]+>(\.\.\.|:)
""")
_DATA = one_of(r"""
    end of (the )?(data|mail data|message)|after (end of )?data\b|\bdata command
    (command|>>>)[-:\s]{1,9}(data\b|\.\s)|\[data\]|\(state 1[78]\)
""")

_HEADING = re.compile(r"-{3,}[^\n-]{1,80}-{3,}")
_FRAME = one_of(r"""
    smtp error from remote (mail )?(server|mailer)|554 5\.0\.0 service unavailable
""")
_ADDRESS = re.compile(r"<?[^\s<>()\[\]:;,\"@]{1,64}@[\w.-]{1,255}>?")
_HOST = re.compile(
    r"\b(host|server|talking to|system|mta|exchanger|to|from|dns;)[: ]+(?:[\w-]+\.)+[a-z]{2,24}\b"
)
_SENTENCE_END = re.compile(r"[.;!?]+(?:\s|$)|。")


def refusals(
    text: str, *, status: str = "", stage: Stage = "", quoted: bool = False
) -> Iterator[Refusal]:
    """What a text says: the reply it quotes first, then its own words, unless all is `quoted`.

    `status` is what a report says about it.
    """
    enhanced = enhanced_of(text, status)
    stage = stage or stage_of(text)
    if codes := _REPLY.search(text) or _BARE.search(text):
        reply, _, rest = text[codes.start(1) :].partition("\n\n")
        yield Refusal(int(codes[1]), enhanced, plain(reply), stage)
        text = f"{text[: codes.start(1)]}\n{rest}"
    yield Refusal(0, enhanced, plain(text), stage, quoted)


def enhanced_of(text: str, status: str) -> str:
    """The code that tells most."""
    said: list[str] = _ENHANCED.findall(text)
    return max((*said, status), key=_tells)


def stage_of(text: str) -> Stage:
    """What the server was answering, where the text says it."""
    text = text[:TEXT].lower()
    if _SESSION.search(text):
        return "session"
    if _RCPT.search(text):
        return "rcpt"
    return "data" if _DATA.search(text) else ""


def plain(text: str) -> str:
    """Lower case, a sentence a line, no names of ours or theirs that could look like a phrase."""
    text = _ADDRESS.sub("@", _HEADING.sub("\n", text[:TEXT].lower()).replace("’", "'"))
    text = _HOST.sub(r"\1 @", _FRAME.sub("", text))
    return _SENTENCE_END.sub("\n", " ".join(text.split()))


def _tells(enhanced: str) -> int:
    """How much a code says; of equals the first is taken."""
    return (enhanced != "") + (not enhanced.endswith(".0.0")) + (not enhanced.endswith(".0"))
