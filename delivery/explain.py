"""Why did, or didn't, somebody get something? Every gate and its answer, for one person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from delivery.carriers import safe_mode
from delivery.models import Outbox, SendLedger, TransactionalMessage
from delivery.safety import Withheld
from delivery.services import stops
from delivery.states import MessageState, SourceKind
from emailseq.lib import clock, localtime, sql
from subscribers.models import List, Subscriber
from subscribers.states import Frequency, SuppressionReason
from subscribers.suppressed import pepper


class Gate(NamedTuple):
    """One question that is asked before a message leaves."""

    gate: str
    passed: bool
    because: str


class _Answers(NamedTuple):
    """What `explain.sql` returns."""

    archived_at: datetime | None
    suppressed: str | None
    subscribed: bool
    held: bool
    window: dict[str, Any] | None
    paused: str | None
    sent_in_a_day: int
    sent_in_a_week: int
    sent_in_a_month: int


def gates(
    subscriber: Subscriber, kind: str, source_id: int, *, consent_list: List | None
) -> list[Gate]:
    """The answers of the gate for this person and source, as of now."""
    found = _answers(subscriber, kind, source_id, consent_list)
    scope = f"“{consent_list}”" if consent_list else "a list"
    since, held = found.archived_at, found.held
    return [
        Gate("archived", since is None, f"since {since}" if since else "no"),
        Gate("suppressed", found.suppressed is None, found.suppressed or "no"),
        Gate(
            "consent",
            found.subscribed,
            f"{'' if found.subscribed else 'not '}confirmed on {scope}",
        ),
        Gate("running", not held, f"the {kind} {'is held' if held else 'may send'}"),
        *_of_all(subscriber.email, found.paused),
        *_of_time(subscriber, found.window),
        _of_break(subscriber, kind),
        *_of_caps(subscriber, found),
    ]


def gates_of_message(message: TransactionalMessage) -> list[Gate]:
    """Of a transactional message, which asks for no consent and heeds neither hours nor caps."""
    person = message.subscriber
    found = _answers(person, SourceKind.TRANSACTIONAL, message.template_id, None)
    barred = None if found.suppressed == SuppressionReason.UNSUBSCRIBED else found.suppressed
    since, expires_at = found.archived_at, message.expires_at
    has_left = getattr(message, "state", None) == MessageState.SENT
    in_time = has_left or expires_at is None or expires_at > clock.now()
    return [
        Gate("archived", since is None, f"since {since}" if since else "no"),
        Gate("suppressed", barred is None, barred or "no"),
        Gate("expired", in_time, f"at {expires_at:%F %T}" if expires_at else "never"),
        *_of_all(person.email, found.paused),
    ]


def _answers(person: Subscriber, kind: str, source_id: int, consent_list: List | None) -> _Answers:
    parameters = {
        "subscriber_id": person.pk,
        "kind": kind,
        "source_id": source_id,
        "list_id": consent_list.pk if consent_list else None,
        "pepper": pepper(),
    }
    [row] = sql.fetch("delivery", "explain", parameters)
    return _Answers(*row)


def _of_all(email: str, paused: str | None) -> Iterator[Gate]:
    """What stops everything, or whoever a trial must not reach."""
    yield Gate("paused", paused is None, paused or "no")
    fence = stops.fence()
    yield Gate("fence", not fence, fence or "no")
    try:
        goes_to = safe_mode().recipient(email)
    except Withheld as withheld:
        yield Gate("safe mode", False, str(withheld))
    else:
        yield Gate("safe mode", True, "off" if goes_to == email else f"goes to {goes_to}")


def _of_time(subscriber: Subscriber, window: dict[str, Any] | None) -> Iterator[Gate]:
    """Its send window and the quiet hours, on the person's own clock."""
    workspace, now = subscriber.workspace, clock.now()
    fallback, _ = localtime.zone_or(workspace.time_zone, localtime.UTC_ZONE)
    zone, is_known = localtime.zone_or(subscriber.time_zone, fallback)
    if subscriber.time_zone and not is_known:
        lost = f"there is no “{subscriber.time_zone}”: {zone} of the workspace is taken"
        yield Gate("time zone", True, lost)
    own = localtime.stored(window, zone=workspace.time_zone)
    for name, windows in (("window", own), ("quiet hours", workspace.windows)):
        try:
            opens_at = localtime.next_open(windows, now, zone)
        except localtime.NeverOpen as error:
            yield Gate(name, False, str(error))
        else:
            later = f"until {opens_at.astimezone(zone):%F %H:%M} {zone}"
            yield Gate(name, opens_at <= now, "open" if opens_at <= now else later)


def _of_break(subscriber: Subscriber, kind: str) -> Gate:
    until = subscriber.snoozed_until
    if until is None or until <= clock.now():
        return Gate("break", True, "they take none")
    then = "left out" if kind == SourceKind.CAMPAIGN else "put off"
    return Gate("break", False, f"they take one until {until:%F %T}, and are {then}")


def _of_caps(subscriber: Subscriber, found: _Answers) -> Iterator[Gate]:
    """Those of the workspace, and what they have chosen themselves."""
    workspace, wants = subscriber.workspace, subscriber.frequency
    for most, sent, term in (
        (workspace.cap_per_day, found.sent_in_a_day, "24 hours"),
        (workspace.cap_per_week, found.sent_in_a_week, "7 days"),
        (1 if wants == Frequency.WEEKLY else None, found.sent_in_a_week, "7 days, as they want it"),
        (
            1 if wants == Frequency.MONTHLY else None,
            found.sent_in_a_month,
            "30 days, as they want it",
        ),
    ):
        if most is not None:
            yield Gate("frequency cap", sent < most, f"{sent} of {most} in {term}")


def messages(subscriber: Subscriber, kind: str, source_id: int) -> Iterator[str]:
    """A line for each message of a source to a person, oldest first."""
    own = {"kind": kind, "source_id": source_id, "subscriber": subscriber}
    for sent in SendLedger.objects.filter(**own).order_by("id"):
        detail = sent.reason or sent.reply
        yield f"{sent.step_key or 'message'}: {sent.outcome} {sent.finished_at:%F %T} · {detail}"
    for row in Outbox.objects.filter(**own).order_by("id"):
        yield f"{row.step_key or 'message'}: {_place(row)}"


def _place(row: Outbox) -> str:
    if row.doubt_at:
        return f"in doubt since {row.doubt_at:%F %T}: may or may not have left"
    if row.wire_at:
        return "on the wire"
    if row.held_at:
        return f"held since {row.held_at:%F %T}"
    last = f", last reply {row.last_reply}" if row.last_reply else ""
    return f"due {row.run_at:%F %T}, attempts {row.attempts}{last}"
