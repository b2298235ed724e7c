"""What the callbacks of ESPs tell of which message of ours.

Only its own workspace's messages are an ESP's affair: whoever has an account there could tell of
others. What its codes say of an address never decides: its words are read as those of mail servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason

from delivery import esps
from delivery.bounces import Action, refusal, rules
from delivery.callbacks import Told, reader
from delivery.models import Callback, Outbox, SendLedger
from delivery.services.feedback import NewFeedback
from delivery.states import FeedbackKind

_KINDS: Mapping[str, FeedbackKind] = {
    EventType.DELIVERED: FeedbackKind.DELIVERED,
    EventType.DEFERRED: FeedbackKind.DEFERRED,
    EventType.COMPLAINED: FeedbackKind.COMPLAINED,
    EventType.UNSUBSCRIBED: FeedbackKind.UNSUBSCRIBED,
    EventType.AUTORESPONDED: FeedbackKind.AUTO_REPLY,
}
_REFUSED = (EventType.BOUNCED, EventType.REJECTED, EventType.FAILED)
_OF_THE_ADDRESS = (None, RejectReason.BOUNCED, RejectReason.INVALID, RejectReason.TIMED_OUT)
_ACTIONS = {
    Action.SUPPRESS: FeedbackKind.HARD,
    Action.SOFT: FeedbackKind.SOFT,
    Action.SOFT_STRICT: FeedbackKind.SOFT_STRICT,
    Action.SENDER_FAULT: FeedbackKind.SENDER_FAULT,
    Action.CONTENT_FAULT: FeedbackKind.CONTENT_FAULT,
}


@reader(Callback.Form.ESP)
def read(callback: Callback) -> Told:
    """What an ESP tells of messages of the workspace that its transport belongs to."""
    transport = callback.transport
    if transport is None or (esp := transport.esp) is None:
        return Told([], note="of a transport that is gone")
    content_type, _, body = bytes(callback.body).partition(b"\n")
    events = esps.parse(esp, esps.request_of(body, content_type=content_type.decode("latin-1")))
    named = [(event, message_id) for event in events if (message_id := _message_id(event))]
    ours = _of(transport.workspace_id, {message_id for _, message_id in named})
    told = [
        _feedback(event, message_id, kind, callback, esp)
        for event, message_id in named
        if message_id in ours and (kind := _kind(event))
    ]
    kinds = ", ".join(dict.fromkeys(str(event.event_type) for event in events))
    return Told(told, note=f"{len(told)} of {len(events)}: {kinds}")


def _feedback(
    event: AnymailTrackingEvent,
    message_id: int,
    kind: FeedbackKind,
    callback: Callback,
    esp: esps.Esp,
) -> NewFeedback:
    words = _words(event)
    return NewFeedback(
        message_id=message_id,
        kind=kind,
        at=event.timestamp or callback.received_at,
        about=str(event.recipient or ""),
        status=refusal.enhanced_of(words, "")[:20],
        reason=" ".join(words.split()).replace("\0", "")[:500],
        told_by=esp.label,
    )


def _words(event: AnymailTrackingEvent) -> str:
    """What a mail server said, or else the ESP."""
    return str(event.mta_response or event.description or "")[: refusal.TEXT]


def _kind(event: AnymailTrackingEvent) -> FeedbackKind | None:
    """What it comes to; None for what we know better (opens, clicks) or need not know."""
    if event.event_type not in _REFUSED:
        return _KINDS.get(event.event_type)
    if event.reject_reason == RejectReason.UNSUBSCRIBED:
        return FeedbackKind.UNSUBSCRIBED
    causes = [rules.judge(each) for each in refusal.refusals(_words(event), quoted=True)]
    cause = next((each for each in causes if not each.vague), None)
    if cause:
        return _ACTIONS[cause.action]
    is_theirs = event.reject_reason in _OF_THE_ADDRESS
    return FeedbackKind.SOFT_STRICT if is_theirs else FeedbackKind.SENDER_FAULT


def _message_id(event: AnymailTrackingEvent) -> int | None:
    """The message that it is about: its id went with it."""
    given: Any = (event.metadata or {}).get(esps.METADATA)
    return int(given) if re.fullmatch(r"[0-9]{1,18}", str(given)) else None


def _of(workspace_id: int | None, message_ids: Iterable[int]) -> set[int]:
    """Those of the messages that are the workspace's."""
    wanted = list(message_ids)
    return {
        pk
        for rows in (SendLedger.objects.all(), Outbox.objects.all(), SendLedger.objects.all())
        for pk in rows.filter(workspace=workspace_id, pk__in=wanted).values_list("pk", flat=True)
    }
