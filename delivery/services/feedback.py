"""What comes back of messages that have left, by mail or from an ESP, and what it leads to.

All of it may come late, twice and in any order: the same things lead to the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, Max, OuterRef

from accounts.audit import SYSTEM
from delivery import kinds, return_path
from delivery.bounces import score
from delivery.bounces.score import Soft
from delivery.models import Feedback, Outbox, SendLedger
from delivery.services import refusals
from delivery.services.messages import find_message, finish, record_unsubscribe
from delivery.states import Failure, FeedbackKind, Outcome
from emailseq.lib import addresses, clock, sql
from subscribers import events
from subscribers import services as people
from subscribers.events import NewEvent
from subscribers.models import Subscriber
from subscribers.states import SuppressionReason

KEPT = timedelta(days=90)  # for so long it counts what comes back of a message
SOFT = (FeedbackKind.SOFT, FeedbackKind.SOFT_STRICT)
BOUNCES = (*SOFT, FeedbackKind.HARD, FeedbackKind.SENDER_FAULT, FeedbackKind.CONTENT_FAULT)
SUPPRESSES = {
    FeedbackKind.HARD: SuppressionReason.HARD_BOUNCE,
    FeedbackKind.COMPLAINED: SuppressionReason.COMPLAINT,
}
_SCORES = {*SOFT, FeedbackKind.DELIVERED, FeedbackKind.REPLIED}

# As events: their kind and verdict. What is missing here is no event of the message.
_EVENTS = {
    FeedbackKind.DELIVERED: (kinds.MESSAGE_DELIVERED, ""),
    FeedbackKind.DEFERRED: (kinds.MESSAGE_DEFERRED, ""),
    FeedbackKind.SOFT: (kinds.MESSAGE_BOUNCED, "soft"),
    FeedbackKind.SOFT_STRICT: (kinds.MESSAGE_BOUNCED, "soft"),
    FeedbackKind.HARD: (kinds.MESSAGE_BOUNCED, Failure.HARD.value),
    FeedbackKind.SENDER_FAULT: (kinds.MESSAGE_BOUNCED, Failure.SENDER.value),
    FeedbackKind.CONTENT_FAULT: (kinds.MESSAGE_BOUNCED, Failure.CONTENT.value),
    FeedbackKind.COMPLAINED: (kinds.MESSAGE_COMPLAINED, ""),
    FeedbackKind.REPLIED: (kinds.MESSAGE_REPLIED, ""),
}


class NewFeedback(NamedTuple):
    """What is told of a message by somebody who is believed: an ESP, or a mail with our token.

    `about` is the address that it is about, or that address's tag (`return_path`), where that is
    told. `reason` are the server's words, or the reader's.
    """

    message_id: int
    kind: str
    at: datetime
    about: str = ""
    status: str = ""
    reason: str = ""
    told_by: str = ""


Known = SendLedger | Outbox
Fresh = list[tuple[NewFeedback, Known]]


@transaction.atomic
def record_feedback(told: Iterable[NewFeedback]) -> int:
    """Write down and act on what is told of messages; how much of it was news.

    What is about no message of ours has no effect; nor has a bounce of an address that the person
    has no more, nor anything but an opt-out that comes later than KEPT after the message. A message
    in doubt has been sent if anything came back of it.
    """
    rows = [_bounded(each) for each in told]
    known = _messages({row.message_id for row in rows})
    everybody = Subscriber.objects.filter(pk__in={one.subscriber_id for one in known.values()})
    # Who tells of the same people waits: each then sees all that was told before.
    locked = (
        everybody.select_related("workspace")
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
    )
    persons = {person.pk: person for person in locked}
    # Whom nobody knows any more has no feedback either.
    known = {pk: message for pk, message in known.items() if message.subscriber_id in persons}
    in_time = [row for row in rows if row.message_id in known and _is_in_time(row, known)]
    fresh = _write_down(in_time, known, persons)
    events.record_many(_events(fresh))
    settle_doubts()
    _act(fresh, persons)
    refusals.brake_lanes(
        (message, f"{row.status} {row.reason}".strip())
        for row, message in fresh
        if row.kind == FeedbackKind.SENDER_FAULT and isinstance(message, SendLedger)
    )
    return len(fresh)


@transaction.atomic
def settle_doubts() -> int:
    """Messages in doubt of which something came back have been sent; how many there were."""
    told = Feedback.objects.filter(message_id=OuterRef("pk")).exclude(kind=FeedbackKind.DEFERRED)
    doubtful = Outbox.objects.in_doubt().filter(Exists(told))
    return sum(
        finish([(row.pk, Outcome.SENT, "resolved by feedback", row.last_reply)], token=token)
        for row in doubtful.order_by("id").select_for_update(no_key=True, skip_locked=True)
        if (token := row.lease_token)
    )


def _bounded(told: NewFeedback) -> NewFeedback:
    """What strangers' programs say, as it can be stored; nothing happens in the future."""
    return told._replace(
        at=min(told.at, clock.now()),
        status=told.status.replace("\0", "")[:20],
        reason=told.reason.replace("\0", "")[:500],
        told_by=told.told_by.replace("\0", "")[:100],
    )


def _messages(message_ids: Set[int]) -> dict[int, Known]:
    """The messages by id, wherever they are."""
    found: dict[int, Known] = {}
    # The second look into the ledger is for those that moved there between the first two.
    for rows in (SendLedger.objects.all(), Outbox.objects.all(), SendLedger.objects.all()):
        if missing := message_ids - found.keys():
            found |= {row.pk: row for row in rows.filter(pk__in=missing)}
    return found


def _is_in_time(told: NewFeedback, known: Mapping[int, Known]) -> bool:
    message = known[told.message_id]
    left_at = message.finished_at if isinstance(message, SendLedger) else clock.now()
    return told.kind == FeedbackKind.UNSUBSCRIBED or told.at < left_at + KEPT


def _write_down(
    rows: Iterable[NewFeedback], known: Mapping[int, Known], persons: Mapping[int, Subscriber]
) -> Fresh:
    """What of it was not known before."""
    earliest: dict[tuple[int, str], NewFeedback] = {}
    for row in sorted(rows, key=lambda row: (row.at, row.status, row.reason)):
        earliest.setdefault((row.message_id, row.kind), row)
    if not earliest:
        return []
    columns = sql.columns(
        ("workspace_id", "subscriber_id", "address_key", *NewFeedback._fields),
        [
            (message.workspace_id, message.subscriber_id, _address(row, person), *row)
            for _, row in sorted(earliest.items())
            for message in [known[row.message_id]]
            for person in [persons[message.subscriber_id]]
        ],
    )
    told = sql.fetch("delivery", "record_feedback", columns)
    return [
        (earliest[message_id, kind], known[message_id])
        for message_id, kind, is_new in told
        if is_new
    ]


def _address(row: NewFeedback, person: Subscriber) -> str:
    """The person's address, if that is what a feedback is about."""
    current, about = person.address_key, row.about
    if not about or about in (current, return_path.tag(current)):
        return current
    try:
        return current if addresses.parse(about).key == current else ""
    except addresses.BadAddress:
        return ""


def _events(fresh: Fresh) -> Iterable[NewEvent]:
    for row, message in fresh:
        kind, verdict = _EVENTS.get(FeedbackKind(row.kind), ("", ""))
        if kind:
            words = "excerpt" if row.kind == FeedbackKind.REPLIED else "reason"
            told = {words: row.reason, "status": row.status}
            yield NewEvent(
                message.workspace_id,
                message.subscriber_id,
                kind,
                row.at,
                message.kind,
                message.source_id,
                message.step_key,
                message.variant,
                message.pk,
                verdict,
                {name: value for name, value in told.items() if value},
            )


def _act(fresh: Fresh, persons: Mapping[int, Subscriber]) -> None:
    """What it means for the person: nothing, if it is about another address than theirs."""
    to_score = set()
    for row, message in fresh:
        person = persons[message.subscriber_id]
        if not _address(row, person):
            continue
        if reason := SUPPRESSES.get(FeedbackKind(row.kind)):
            note = " ".join(filter(None, (row.status, row.reason)))
            _suppress(person, reason, note=note, message_id=row.message_id)
        elif row.kind == FeedbackKind.UNSUBSCRIBED and (whole := find_message(row.message_id)):
            record_unsubscribe(whole)
        elif row.kind in _SCORES:
            to_score.add(person.pk)
    bounced = Feedback.objects.filter(subscriber__in=to_score, kind__in=SOFT)
    for person_id in bounced.order_by("subscriber").values_list("subscriber", flat=True).distinct():
        _score(persons[person_id])


def _score(person: Subscriber) -> None:
    """Whether their soft bounces make the address worn out, or no longer do."""
    told = Feedback.objects.filter(subscriber=person, address_key=person.address_key)
    softs = [
        Soft(at, strict=kind == FeedbackKind.SOFT_STRICT)
        for kind, at in told.filter(kind__in=SOFT).values_list("kind", "at")
    ]
    if not softs:
        return
    arrived = told.filter(kind__in=(FeedbackKind.DELIVERED, FeedbackKind.REPLIED))
    known_at = arrived.aggregate(at=Max("at"))["at"]
    silent_at = _arrived_in_silence(person, before=max(softs).at - score.SILENCE)
    delivered_at = max(filter(None, (known_at, silent_at)), default=None)
    if score.is_worn_out(softs, delivered_at=delivered_at):
        _suppress(person, SuppressionReason.SOFT_BOUNCE, note=f"{len(softs)} soft bounces")
    else:
        people.take_back_soft_bounces(person)


def _arrived_in_silence(person: Subscriber, *, before: datetime) -> datetime | None:
    """When the last of their messages left, by then, that did not come back."""
    back = Feedback.objects.filter(message_id=OuterRef("pk"), kind__in=BOUNCES)
    sent = SendLedger.objects.filter(
        subscriber=person, outcome=Outcome.SENT, finished_at__lt=before
    )
    last: datetime | None = sent.exclude(Exists(back)).aggregate(at=Max("finished_at"))["at"]
    return last


def _suppress(person: Subscriber, reason: str, *, note: str, message_id: int | None = None) -> None:
    people.suppress(
        person.workspace,
        email=person.email,
        reason=reason,
        by=SYSTEM,
        note=note,
        message_id=message_id,
    )
