"""Mail that comes in: what it tells of which message of ours.

It is believed where it came to the return path of a message, or names its Message-ID: both are
keyed, and only who was sent the message or carried it knows them. All else changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from delivery import bounces, matching, return_path
from delivery.bounces import Action, Inbound, MailKind, Report
from delivery.callbacks import Told, reader
from delivery.models import Callback
from delivery.services.feedback import NewFeedback
from delivery.states import FeedbackKind
from emailseq.lib.signing import BadToken

# The mildest first: where a mail tells several things of one message, that one counts.
_BOUNCES: Mapping[Action, FeedbackKind] = {
    Action.NOT_BOUNCE: FeedbackKind.DELIVERED,
    Action.CONTENT_FAULT: FeedbackKind.CONTENT_FAULT,
    Action.SENDER_FAULT: FeedbackKind.SENDER_FAULT,
    Action.SOFT: FeedbackKind.SOFT,
    Action.SOFT_STRICT: FeedbackKind.SOFT_STRICT,
    Action.SUPPRESS: FeedbackKind.HARD,
}
_MILDNESS = list(_BOUNCES)
_COMPLAINTS = {
    "opt-out": FeedbackKind.UNSUBSCRIBED,
    "opt-out-list": FeedbackKind.UNSUBSCRIBED,
    "auth-failure": FeedbackKind.REMARK,
    "dmarc": FeedbackKind.REMARK,
    "virus": FeedbackKind.REMARK,
}


class Named(NamedTuple):
    """The message that a mail is about, and whom it went to, as far as the mail shows."""

    message_id: int
    tag: str = ""
    purpose: str = ""


@reader(Callback.Form.MAIL)
def read(callback: Callback) -> Told:
    """What a mail tells of a message of ours; nothing, if it does not show that it is about one."""
    mail = bounces.read(bytes(callback.body))
    named = _named(mail)
    if named is None:
        return Told([], note=f"{mail.kind}, about no message of ours: {mail.subject}")
    said = _said(mail, named)
    if said is None:
        return Told([], note=f"{mail.kind}, of no consequence: {mail.subject}")
    kind, report = said
    excerpt = " ".join(mail.text.split()) if kind == FeedbackKind.REPLIED else ""
    told = NewFeedback(
        message_id=named.message_id,
        kind=kind,
        at=callback.received_at,
        about=named.tag,
        status=report.status,
        reason=(excerpt or report.reason)[:500],
        told_by=(report.reported_by or mail.sender)[:100],
    )
    somebody_waits = kind == FeedbackKind.REPLIED and named.purpose == return_path.BOUNCE
    answers = named.message_id if somebody_waits else None
    return Told([told], note=f"{mail.kind}: {kind}", answers=answers)


def _named(mail: Inbound) -> Named | None:
    for address in mail.delivered_to:
        try:
            token = return_path.read(address)
        except BadToken:
            continue
        return Named(token.message_id, token.tag, token.purpose)
    recipients = [report.recipient for report in mail.reports]
    found = matching.find(mail.message_ids, about=[mail.sender, *recipients])
    return Named(found.message_id, return_path.tag(found.address_key)) if found else None


def _said(mail: Inbound, named: Named) -> tuple[FeedbackKind, Report] | None:
    """What it says, and which of its reports says so."""
    if mail.kind == MailKind.BOUNCE:
        report = min(_about(mail.reports, named), key=lambda each: _MILDNESS.index(each.action))
        return _BOUNCES[report.action], report
    report = mail.reports[0]
    if mail.kind == MailKind.AUTO_REPLY:
        return FeedbackKind.AUTO_REPLY, report
    if named.purpose == return_path.UNSUBSCRIBE:
        return FeedbackKind.UNSUBSCRIBED, report
    if mail.kind == MailKind.COMPLAINT:
        return _complaint(report)
    return FeedbackKind.REPLIED, report


def _complaint(report: Report) -> tuple[FeedbackKind, Report] | None:
    if report.action != Action.COMPLAINT:
        return None
    feedback_type = report.reason.partition(" ")[0]
    return _COMPLAINTS.get(feedback_type, FeedbackKind.COMPLAINED), report


def _about(reports: Iterable[Report], named: Named) -> list[Report]:
    """The reports about the recipient of the message; all, where none names them: a message has
    one recipient, but they may have it forwarded."""
    every = list(reports)
    return [each for each in every if return_path.tag(each.recipient) == named.tag] or every
