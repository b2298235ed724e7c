"""The verbs of delivery: what campaigns and sequences may ask of it, and what people may.

Each verb runs in the caller's transaction, so a message and its cause commit together, and a
pause, an exit or a cancelled campaign wins over every message that is not on the wire yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from delivery import kinds, outcomes
from delivery.models import Outbox, SenderIdentity, SendLedger, Source
from delivery.states import CapPolicy, MessageClass, Outcome, Priority
from delivery.utm import NOTHING, Tags, tags_of
from emailseq.lib import clock, sql, text
from emailseq.lib.errors import Invalid
from subscribers import events
from subscribers import services as people
from subscribers.events import NewEvent
from subscribers.models import Subscriber

MANY = 50  # people at a domain: from here on it is a group, and has lanes, of its own


class NewMessage(NamedTuple):
    """One email to one subscriber; the first four and the subscriber are its key."""

    workspace_id: int
    kind: str
    source_id: int
    step_key: str
    run: int
    variant: str
    subscriber_id: int
    list_id: int | None
    template_version_id: int
    sender_id: int
    message_class: str = MessageClass.MARKETING
    priority: int = Priority.CAMPAIGN
    run_at: datetime | None = None  # when it may leave; None: at once
    thread: str = ""  # the step of the same run whose message it answers


def queue_many(messages: Iterable[NewMessage], *, now: datetime) -> int:
    """Put messages into the outbox, due at `now` or later; how many were not there before."""
    rows = list(messages)
    if not rows:
        return 0
    columns = sql.packed(sql.columns(NewMessage._fields, rows))
    return sql.run("delivery", "queue_many", {**columns, "many": MANY, "now": now})


def queue_each(message: NewMessage, *, to: Sequence[int], now: datetime) -> int:
    """Put the same message for each of these subscribers there, whoever it names; as above."""
    query = message._asdict() | sql.packed({"subscriber_ids": to})
    return sql.run("delivery", "queue_each", {**query, "many": MANY, "now": now})


def mirror(
    *,
    workspace: Workspace,
    kind: str,
    source_id: int,
    name: str,
    window: Mapping[str, Any] | None = None,
    cap_policy: str = CapPolicy.RESCHEDULE,
    rank: int = 0,
) -> None:
    """Make a source known, not held, so that its messages may leave; keeps the rest current.

    `window`, as `localtime.stored` has it, says when they may; `cap_policy` what becomes of them
    under a frequency cap, and of two sources the one of the higher `rank` has the room.
    """
    terms = {"name": name, "window": window, "cap_policy": cap_policy, "rank": rank}
    Source.objects.update_or_create(
        kind=kind, source_id=source_id, defaults={"workspace": workspace, **terms}
    )


def hold(*, kind: str, source_id: int, because: str = "") -> None:
    """Let nothing of a source leave that is not on the wire yet; its messages keep their place.

    `because` says what it did, if it is held for that and by nobody.
    """
    braked = {"held_reason": because[:700], "braked_at": clock.now()} if because else {}
    Source.objects.filter(kind=kind, source_id=source_id).update(held=True, **braked)


def release(*, kind: str, source_id: int) -> None:
    """The opposite of `hold`."""
    Source.objects.filter(kind=kind, source_id=source_id).update(held=False, held_reason="")


def held_reason(*, kind: str, source_id: int) -> str:
    """What a source did that it is held for; empty where a person holds it, or nobody."""
    found = Source.objects.filter(kind=kind, source_id=source_id, held=True)
    return found.values_list("held_reason", flat=True).first() or ""


@transaction.atomic
def hold_messages(*, kind: str, source_id: int, subscriber_ids: Sequence[int]) -> int:
    """Like `hold`, for the messages of a source to some people; how many were held."""
    rows = _lock(kind, source_id, subscriber_ids, held_at=None, cancelled_at=None)
    return rows.update(held_at=clock.now())


@transaction.atomic
def release_messages(*, kind: str, source_id: int, subscriber_ids: Sequence[int]) -> int:
    """The opposite of `hold_messages`."""
    rows = _lock(kind, source_id, subscriber_ids, held_at__isnull=False)
    return rows.update(held_at=None)


@transaction.atomic
def hand_over(*, kind: str, source_id: int, kept: Subscriber, gone: Subscriber) -> None:
    """Make the messages of a source to one person those of another, who has none of it."""
    _lock(kind, source_id, [gone.pk]).update(subscriber=kept)
    own = {"kind": kind, "source_id": source_id, "subscriber": gone}
    SendLedger.objects.filter(**own).update(subscriber=kept)


@transaction.atomic
def cancel(
    *,
    kind: str,
    source_id: int,
    subscriber_ids: Sequence[int] | None = None,
    step_keys: Sequence[str] | None = None,
    runs: Sequence[int] | None = None,
    due_before: datetime | None = None,
) -> int:
    """Stop the messages of a source (to some people, of some steps or runs) for good; how many.

    With `due_before`, only those that might have left by then and have not. The reaper gives each
    one its outcome, `skipped: cancelled`.
    """
    which: dict[str, Any] = {"cancelled_at": None}
    if step_keys is not None:
        which["step_key__in"] = step_keys
    if runs is not None:
        which["run__in"] = runs
    if due_before:
        which |= {"run_at__lt": due_before, "lease_token": None}
    return _lock(kind, source_id, subscriber_ids, **which).update(cancelled_at=clock.now())


def spread(
    *, kind: str, source_id: int, at: datetime, gap: timedelta, done: int, limit: int
) -> int:
    """Let the messages of a source that are due at an instant leave one by one after it; how many.

    At most `limit` of them, oldest first; `done` have got their turn before.
    """
    pace = {"at": at, "gap": gap, "done": done, "limit": limit}
    return sql.run("delivery", "spread", {"kind": kind, "source_id": source_id, **pace})


@transaction.atomic
def create_sender(
    workspace: Workspace, *, name: str, email: str, by: Actor, reply_to: str = ""
) -> SenderIdentity:
    """Make a From identity. Raises Invalid for an address that cannot be sent from."""
    sender_email = people.parse_address(email).email
    if not sender_email.isascii():
        raise Invalid.field("email", "invalid_email", "A From address is ASCII before the @.")
    answers_to = people.parse_address(reply_to).email if reply_to else ""
    text.check(name=name)
    sender = SenderIdentity.objects.create(
        workspace=workspace, name=name, email=sender_email, reply_to=answers_to
    )
    audit.record(workspace, "sender.created", by=by, on=sender)
    return sender


def find_message(message_id: int) -> Outbox | SendLedger | None:
    """The message with its subscriber and list, from the ledger or the outbox."""
    related = "subscriber__workspace", "list", "template_version"
    ledger = SendLedger.objects.select_related(*related).filter(pk=message_id)
    outbox = Outbox.objects.select_related(*related).filter(pk=message_id)
    # The last look is for one that moved to the ledger between the first two.
    return ledger.first() or outbox.first() or ledger.all().first()


class Whose(NamedTuple):
    """Whose a message is, of which version of a template, and what its links tell."""

    workspace_id: int
    version_id: int
    tags: Tags


def whose(message_id: int) -> Whose | None:
    """None if nobody knows a message of that id."""
    found = sql.fetch("delivery", "whose", {"id": message_id})
    for workspace_id, version_id, source, medium, name in found:
        return Whose(workspace_id, version_id, tags_of(source, medium, name) if name else NOTHING)
    return None


@transaction.atomic
def resolve_in_doubt(message: Outbox, *, as_sent: bool, by: Actor) -> bool:
    """Decide what nobody can know: count a message in doubt as sent, or send it (again).

    A repeat carries the same Message-ID. False when the doubt was resolved meanwhile.
    """
    row = Outbox.objects.in_doubt().select_for_update().filter(pk=message.pk).first()
    if row is None:
        return False
    if as_sent:
        finish([(row.pk, Outcome.SENT, "resolved by hand", row.last_reply)], token=row.lease_token)
    else:
        Outbox.objects.filter(pk=row.pk).update(
            lease_token=None, wire_at=None, doubt_at=None, run_at=clock.now()
        )
    verb = "message.marked_sent" if as_sent else "message.resent"
    audit.record(row.workspace_id, verb, by=by, on=row)
    return True


def finish(results: Sequence[tuple[int, str, str, str]], *, token: UUID | None) -> int:
    """Move messages to the ledger: (id, outcome, reason, reply) each, if they carry `token`."""
    columns = sql.columns(("ids", "outcomes", "reasons", "replies"), results)
    finished = sql.fetch("delivery", "finish", {**columns, "token": token})
    return events.record_many(outcomes.news(finished))


@transaction.atomic
def record_unsubscribe(message: Outbox | SendLedger, *, everything: bool = False) -> int:
    """The reader of a message leaves its list, or everything if it has none or they want that.

    Idempotent. Returns how many subscriptions ended; the message gets the credit, once.
    """
    from_list = None if everything else message.list
    ended = people.unsubscribe(message.subscriber, by=audit.SUBSCRIBER, from_list=from_list)
    if ended and not SendLedger.objects.filter(pk=message.pk, unsubscribed_at__isnull=False):
        SendLedger.objects.filter(pk=message.pk).update(unsubscribed_at=clock.now())
        events.record_many([_event(message, kinds.MESSAGE_UNSUBSCRIBED)])
    return ended


@transaction.atomic
def explain_unsubscribe(message: Outbox | SendLedger, *, reason: str) -> bool:
    """Somebody who has left by a message says why, a `LeavingReason`; the first answer stays."""
    left = SendLedger.objects.filter(pk=message.pk, unsubscribed_at__isnull=False, left_because="")
    if not left.update(left_because=reason):
        return False
    why = _event(message, kinds.UNSUBSCRIBE_EXPLAINED)._replace(verdict=reason)
    events.record_many([why])
    return True


def _event(message: Outbox | SendLedger, kind: str) -> NewEvent:
    return NewEvent(
        message.workspace_id,
        message.subscriber_id,
        kind,
        clock.now(),
        message.kind,
        message.source_id,
        message.step_key,
        message.variant,
        message.pk,
    )


def _lock(
    kind: str, source_id: int, subscriber_ids: Sequence[int] | None, **place: Any
) -> QuerySet[Outbox]:
    """Those of a source's messages (to some people) that are at `place`, to be locked by id.

    Everybody locks outbox rows in that order: nobody waits for somebody who waits for them.
    """
    rows = Outbox.objects.filter(kind=kind, source_id=source_id, **place)
    if subscriber_ids is not None:
        rows = rows.filter(subscriber_id__in=subscriber_ids)
    locked = rows.order_by("id").select_for_update(no_key=True)
    return Outbox.objects.filter(pk__in=locked.values("id"))
