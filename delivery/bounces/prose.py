"""Bounces written for people: where they end, who is meant, and what is said about each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from delivery.bounces import addresses
from delivery.bounces.mime import Headers
from delivery.bounces.phrases import one_of

SECTION = 16_000  # characters of a bounce that say something
BLOCK = 1_500  # … about one recipient
BLOCKS = 5

# A line that says that the returned message follows, or that fields for machines do.
_CUT = one_of(r"""
    ^[ \t>*=\x5f#|-]{0,80}(below (this line )?is (a|the) copy
        |(this|here|following|included|attached|enclosed) is (a|the) (copy|header)
        |(the )?(header|body|text|contents?)s? (lines? )?of (the|your) (original |message|mail)
        |(message|original|mail) (header|text|body|content|info)s?( follow| below|[ \t]*[-=*])
        |(unsent|returned|undelivered|original|non-delivered) message( follow| below|[ \t]*[-:=*])
        |copy of (the|your) (original )?message|(start|begin\w*) of (the )?(original|returned)
        |(reporting-mta|final-recipient|original-recipient) ?:)
    ^[-=*]{2,80}[ \t]*(original|returned|unsent|undelivered|forwarded|rejected)[ -](message|mail)
""")
# Or three lines that look like the head of a message.
_HEAD = one_of(r"""
    (^[ \t>]{0,8}(return-path|received|delivered-to|x-[\w-]{2,40}|date|from|to|cc|subject
        |message-id|mime-version|content-[a-z-]{4,30}|dkim-signature|domainkey-signature|reply-to
        |sender|in-reply-to|references|list-[a-z]{2,20}|importance|thread-[a-z]{4,10}|user-agent
        |precedence|auto-submitted):[^\n]*\n([ \t][^\n]*\n){0,20}){3}
""")
_HEAD_OF_MAIL = one_of(r"""
    ^[ \t>]{0,8}(received|return-path|mime-version):
""")

# Where a text begins to list whom it could not reach.
_LISTING = one_of(r"""
    (following|these|folgenden?|siguientes?|seguent[ei]|seguintes?|volgende) [^\n]{0,20}(recipient
        |address|empf|adress|destinat|indirizz|ontvanger)[^\n]{0,80}:\s*\n
    (destinataires?|adresses?|destinatari|direcciones) (suivant|siguient|seguent)[^\n]{0,60}:\s*\n
    could not be delivered to[^\n]{0,40}:\s*\n
""")
# What stands before an address on its line when the line is about it; then, only its sentence.
_LEAD = one_of(r"""
    ^[ \t>*.|-]{0,12}([45]\d\d[ -]([45]\.\d{1,3}\.\d{1,3} )?|>>> ?|(original |final |failed
        |recipient'?s? |destination |intended |e-?mail |recipients?|addressee|address(es)?|to
        |rcpt to|user|mailbox|for|failed|invalid|undeliverable|unknown|destinataires?
        |empf[aä]nger|destinatario|sent|received|out|in)\b[^\n@:<]{0,40}[: ]\s{0,8}
        (rcpt to ?: ?)?)?["'(<\[]{0,3}(mailto:|smtp:|rfc822;)?$
""")
_CUE = one_of(r"""
    (to|for|list|recipients?|address(es)?|user|mailbox|account|deliver(ed|y)?|reach(ed)?|an|[aà]|para
        |al|au)[\s:]{1,4}(the |user |address )?["'(<\[]{0,3}$
""")
_NAME_OF_NEXT = re.compile(r"[\"')]?[ \t]{1,4}<[^\s<>]{1,200}@")
_NOBODY = one_of(r"""
    ^(post ?master|mailer-?daemon|abuse|noc|hostmaster|webmaster|support|help(desk)?|admin\w*|root
        |info-?desk|mail-?admin|no-?reply|mailsupport|techsupport|errors?-\w+
        |[\w.+-]+-(ctl|request|help|admin|owner|bounces))@
""")


def split(text: str) -> tuple[str, str]:
    """What the server says, and the returned message behind it."""
    text = text.lstrip("\n")
    lowered = text[: SECTION * 2].lower()
    cuts = [len(text)]
    if (cut := _CUT.search(lowered, 1)) and lowered[: cut.start()].strip():
        cuts.append(cut.start())
    heads = (match for match in _HEAD.finditer(lowered) if _HEAD_OF_MAIL.search(match[0]))
    cuts += [match.start() for match in heads if match.start() > 20][:1]
    return text[: min(cuts)][:SECTION], text[min(cuts) :]


def returned_head(text: str) -> Headers:
    """The head of a message that is returned inside a text; empty when there is none."""
    start = _HEAD.search(text[:SECTION].lower())
    lines = text[start.start() :].split("\n\n", 1)[0].split("\n") if start else []
    indent = lines[0][: -len(lines[0].lstrip(" \t>"))] if lines else ""
    return Headers("\n".join(line.removeprefix(indent) for line in lines))


class _Mention(NamedTuple):
    place: int
    address: str
    how: str  # leading, cued, plain


def recipients(said: str, *, sent_to: Collection[str], ours: Collection[str]) -> list[str]:
    """Whom the text is about; `sent_to` is the returned message's To, `ours` are no recipients."""
    mentions = [
        mention
        for mention in _mentions(said)
        if mention.address in sent_to
        or not (mention.address in ours or _NOBODY.match(mention.address))
    ]
    leading = [mention for mention in mentions if mention.how == "leading"]
    start = _listed_from(said)
    for chosen in (
        [mention for mention in leading if mention.place >= start],
        leading if any(mention.address in sent_to for mention in leading) else [],
        [mention for mention in mentions if mention.address in sent_to],
        leading,
        [mention for mention in mentions if mention.how == "cued"],
        mentions,
    ):
        if chosen:
            return list(dict.fromkeys(mention.address for mention in chosen))
    return []


def about(said: str, recipient: str, everybody: Collection[str]) -> list[str]:
    """What the text says where it names one of them, up to the next; then all of it."""
    lowered = said.lower()
    others = [address for address in everybody if address != recipient]
    blocks: list[str] = []
    start = lowered.find(recipient) if recipient else -1
    while start >= 0 and len(blocks) < BLOCKS:
        line, behind = said.rfind("\n", 0, start) + 1, start + len(recipient)
        ends = [lowered.find(other, behind, behind + BLOCK) for other in others]
        blocks.append(said[line : min([end for end in ends if end >= 0], default=line + BLOCK)])
        start = lowered.find(recipient, behind)
    return [*blocks, said]


def _mentions(said: str) -> Iterator[_Mention]:
    lowered = said.lower()
    for match in addresses.ADDRESS.finditer(lowered):
        start = match.start()
        if _NAME_OF_NEXT.match(lowered, match.end()):
            continue
        line = lowered[max(lowered.rfind("\n", 0, start) + 1, start - 160) : start]
        how = "leading" if _LEAD.search(line) else "cued" if _CUE.search(line) else "plain"
        yield _Mention(start, addresses.tidy(match[0]), how)


def _listed_from(said: str) -> int:
    listing = _LISTING.search(said.lower())
    return listing.end() if listing else len(said)
