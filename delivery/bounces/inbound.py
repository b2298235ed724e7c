"""One mail, read: a complaint, a bounce, an answer of a machine, or none of these."""

from __future__ import annotations

import re
from functools import cached_property

from delivery.bounces import (
    addresses,
    arf,
    dsn,
    mime,
    notices,
    phrases,
    prose,
    refusal,
    rules,
    signs,
)
from delivery.bounces.mime import Part
from delivery.bounces.refusal import Refusal
from delivery.bounces.report import Inbound, MailKind, Report
from delivery.bounces.rules import Action, Cause

EXCERPT = 2000
REASON = 500
MESSAGE_IDS = 50
BUDGET = 20_000  # characters of a mail that are searched for phrases: it bounds the time

_MESSAGE_ID = re.compile(r"<[^<>\s@]{1,250}@[^<>\s]{1,250}>")
_MENTIONED = re.compile(r"message-?id\W{1,6}(<[^<>\s]{1,250}>)", re.IGNORECASE)
_CAME_TO = (
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-delivered-to",
    "to",
    "cc",
)


def read(raw: bytes) -> Inbound:
    """What a mail says. Never raises, whatever the bytes are, and takes well under a second."""
    parts = mime.parts(raw)
    mail = told = _Mail(parts, level=0)
    if not mail.is_report and any(part.level for part in parts):
        forwarded = _Mail([part for part in parts if part.level], level=1)
        told = forwarded if forwarded.is_report else mail
    kind, reports = told.judged()
    return Inbound(
        kind=kind,
        reports=tuple(reports),
        message_ids=told.message_ids(),
        delivered_to=tuple(addresses.every(*mail.headers.all(*_CAME_TO))),
        subject=mail.subject,
        sender=mail.sender,
        text=_excerpt(mail.text) if kind is MailKind.OTHER else "",
    )


class _Mail:
    """A mail whose own parts are at `level`; what is deeper, it returns or forwards."""

    def __init__(self, parts: list[Part], *, level: int) -> None:
        self.headers = parts[0].headers
        self.subject = self.headers.get("subject").strip()
        self.sender = addresses.first(self.headers.get("from"))
        self.own = [part for part in parts[1:] if part.level == level]
        self.deeper = [part for part in parts[1:] if part.level > level]
        self.budget = BUDGET
        shown = [part.text for part in self.own if not part.kind.startswith("message/")]
        plain = [part.text for part in self.own if part.kind in ("text/plain", "text/preamble")]
        self.text = "\n".join(plain or shown)
        self.said, rest = prose.split(self.text)
        heads = [part.headers for part in self.deeper if part.headers.fields]
        self.returned = [*heads[:5], prose.returned_head(rest)]

    @property
    def is_report(self) -> bool:
        """A report for machines, whatever the text says."""
        return any(part.kind in (arf.KIND, *dsn.KINDS) for part in self.own)

    def judged(self) -> tuple[MailKind, list[Report]]:
        if complaints := arf.read(self.own, self.returned, self.headers):
            return MailKind.COMPLAINT, complaints
        notified, concerned = notices.read(self.text)
        if notified == "complaint":
            return MailKind.COMPLAINT, [arf.complaint(each.recipient) for each in concerned]
        fields, reporter = dsn.read(self.own)
        if fields := fields or concerned:
            return MailKind.BOUNCE, self._reports(fields, reporter)
        returns = any(head.fields for head in self.returned)
        if signs.is_bounce(self.headers, self.said, returns=returns):
            people = [dsn.Fields({"final-recipient": each}) for each in self.named or [""]]
            return MailKind.BOUNCE, self._reports(people, "")
        if self._is_receipt() or signs.is_answer(self.headers, self.text):
            answer = Report(self.sender, Action.AUTO_REPLY, reason=self.subject[:REASON])
            return MailKind.AUTO_REPLY, [answer]
        return MailKind.OTHER, [
            Report(self.sender, Action.NOT_BOUNCE, reason=self.subject[:REASON])
        ]

    @cached_property
    def named(self) -> list[str]:
        """Whom the text names as those it did not reach."""
        failed = addresses.every(*self.headers.all("x-failed-recipients"))
        if any(address in self.said.lower() for address in failed):
            return failed
        heads = (addresses.every(*head.all("to", "cc", "x-original-to")) for head in self.returned)
        sent_to = next(filter(None, heads), [])
        ours = {self.sender, *addresses.every(*self.headers.all(*_CAME_TO))}
        return prose.recipients(self.said, sent_to=sent_to, ours=ours) or failed or sent_to

    def message_ids(self) -> tuple[str, ...]:
        """Those it returns, names or answers."""
        values = [
            *_MENTIONED.findall(self.said),
            *(value for head in self.returned for value in head.all("message-id")),
            *self.headers.all("in-reply-to", "references"),
        ]
        found = _MESSAGE_ID.findall(" ".join(values))
        return tuple(dict.fromkeys(found))[:MESSAGE_IDS]

    def _is_receipt(self) -> bool:
        return any(part.kind == "message/disposition-notification" for part in self.own)

    def _reports(self, people: list[dsn.Fields], reporter: str) -> list[Report]:
        """One for each recipient, in order."""
        everybody = [fields.recipient for fields in people]
        reports: dict[str, Report] = {}
        for fields in people:
            recipient = fields.recipient or self._guess(fields, alone=len(people) == 1)
            if recipient not in reports:
                reports[recipient] = self._report(recipient, fields, everybody, reporter)
        return list(reports.values())

    def _guess(self, fields: dsn.Fields, *, alone: bool) -> str:
        """The recipient of a report that names none, or only a mailbox."""
        mailbox = fields.mailbox
        for address in self.named:
            if mailbox and address.startswith(f"{mailbox}@"):
                return address
        return self.named[0] if self.named and alone else mailbox

    def _report(
        self, recipient: str, fields: dsn.Fields, everybody: list[str], reporter: str
    ) -> Report:
        if fields.arrived:
            said = fields.diagnostic[:REASON]
            return Report(recipient, Action.NOT_BOUNCE, fields.status, said, reporter)
        alone = len(everybody) == 1
        told = prose.about(self.said, recipient, everybody[:20])
        if not alone and (fields.status or fields.diagnostic):
            told = told[:-1]  # what the whole text says may be about the others
        cause, refused, text = self._cause(fields, told)
        if cause.action is Action.SUPPRESS and alone and self._is_full():
            cause = Cause.MAILBOX_FULL
        return Report(
            recipient=recipient,
            action=Action.SOFT if fields.delayed else cause.action,
            status=refused.enhanced,
            reason=" ".join(text.split())[:REASON],
            reported_by=reporter,
        )

    def _cause(self, fields: dsn.Fields, told: list[str]) -> tuple[Cause, Refusal, str]:
        """The first text that tells more than its code decides; `told` is from close to far."""
        closest = next(iter(told), "")
        stage, status = refusal.stage_of(closest), refusal.enhanced_of(closest, fields.status)
        texts = [(fields.diagnostic, fields.quotes), *((text, False) for text in told)]
        readings = [
            (rules.judge(refused), refused, text)
            for text, quoted in sorted(texts, key=lambda each: not each[0])  # the empty ones last
            for refused in refusal.refusals(
                self._spend(text), status=status, stage=stage, quoted=quoted
            )
        ]
        return next((each for each in readings if not each[0].vague), readings[0])

    def _is_full(self) -> bool:
        """What people read outdoes a code for machines: some filters give any refusal 5.1.1."""
        return bool(phrases.FULL.search(refusal.plain(self._spend(self.said))))

    def _spend(self, text: str) -> str:
        text = text[: min(refusal.TEXT, self.budget)]
        self.budget -= len(text)
        return text


def _excerpt(text: str) -> str:
    """What somebody wrote, without what they quote."""
    lines = text[: EXCERPT * 10].split("\n")
    return "\n".join(line for line in lines if not line.startswith(">")).strip()[:EXCERPT]
