"""Feedback (RFC 5965, 6591): somebody pressed "spam" or "unsubscribe", or checked our mail."""

from __future__ import annotations

import re
from collections.abc import Sequence

from delivery.bounces import addresses
from delivery.bounces.mime import Headers, Part
from delivery.bounces.report import Report
from delivery.bounces.rules import Action

KIND = "message/feedback-report"

# Feedback is a complaint, and `reason` begins with its type: nobody is suppressed for what is said
# about the sender (`auth-failure`, `dmarc`).
ACTIONS = {"not-spam": Action.NOT_BOUNCE}
_OPT_OUT = re.compile(r"\W*(?:unsubscribe|opt-?out)\W*", re.IGNORECASE)


def read(own: Sequence[Part], returned: Sequence[Headers], headers: Headers) -> list[Report]:
    """One report per recipient; [] when the mail is no feedback.

    `own` are the parts that return no message, `returned` the heads of the messages that do.
    """
    for part in own:
        if part.kind == KIND:
            fields = Headers(part.text.replace("\n\n", "\n"))
            return [complaint(each, fields) for each in _recipients(fields, returned) or [""]]
    if _OPT_OUT.fullmatch(headers.get("subject")):  # the mail behind List-Unsubscribe: mailto
        return [complaint(addresses.first(headers.get("from")), Headers("Feedback-Type: opt-out"))]
    return []


def complaint(recipient: str, fields: Headers | None = None) -> Report:
    """What the fields of a feedback mean for a recipient; without fields, spam was said."""
    fields = fields or Headers("")
    kind = fields.get("feedback-type").strip().lower() or "abuse"
    return Report(
        recipient=recipient,
        action=ACTIONS.get(kind, Action.COMPLAINT),
        reason=" ".join(filter(None, (kind, fields.get("authentication-results"))))[:500],
        reported_by=fields.get("reporting-mta") or fields.get("user-agent"),
    )


def _recipients(fields: Headers, returned: Sequence[Headers]) -> list[str]:
    """Whom the feedback names; else whom the returned message was sent to."""
    candidates = [
        fields.all("original-rcpt-to", "removal-recipient"),
        *(head.all("to") for head in returned),
        *(head.all("x-original-to", "delivered-to") for head in returned),
    ]
    return next(filter(None, (addresses.every(*values) for values in candidates)), [])
