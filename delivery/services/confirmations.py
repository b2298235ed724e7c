"""Double opt-in: asking people whether they mean it, and taking their answer.

A consumer hears that somebody is pending and asks here; whoever follows the link answers here. One
message asks about everything that the person has pending in the workspace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Max, QuerySet

from accounts import audit
from accounts.audit import SUBSCRIBER, SYSTEM, Actor
from accounts.models import Workspace
from delivery import kinds, opt_in
from delivery.models import Confirmation, OptInMessage, Outbox, SenderIdentity, SendLedger
from delivery.services.messages import NewMessage, mirror, queue_many
from delivery.states import (
    CONFIRMATION_MOVES,
    ConfirmationState,
    MessageClass,
    Priority,
    SourceKind,
)
from delivery.wording import IN, LANGUAGES
from emailseq.lib import addresses, clock, state
from emailseq.lib.errors import AppError, Invalid
from subscribers import events
from subscribers import services as people
from subscribers.events import NewEvent
from subscribers.models import List, Subscription
from subscribers.states import SubscriptionState
from templates_app import services as templates
from templates_app.models import Template


class Answerer(NamedTuple):
    """From where an answer came: the second half of the proof."""

    ip: str | None
    agent: str


class _Paper(NamedTuple):
    """What a list asks with."""

    template_version_id: int
    sender_id: int


@transaction.atomic
def set_opt_in(target: List, *, by: Actor, **changes: Any) -> OptInMessage:
    """Say how a list asks: `sends`, `language`, `sender`, `template`.

    Publishes the template. Raises Invalid when nothing in it leads to a yes.
    """
    message, _ = OptInMessage.objects.get_or_create(list=target)
    for name, value in changes.items():
        setattr(message, name, value)
    if template := changes.get("template"):
        templates.publish(template, by=by, ways=[templates.WAY_IN])
    message.save(update_fields=list(changes))
    said = {name: str(value) for name, value in changes.items()}
    audit.record(target.workspace_id, "list.updated", by=by, on=target, changes=said)
    return message


@transaction.atomic
def ask(places: Collection[tuple[int, int]], *, now: datetime) -> int:
    """Ask whoever is pending at these places, (subscriber, list) each; how many people were asked.

    A person gets one message, whatever the number of lists. Whom it is kept from, by `opt_in` or
    for want of a sender, has that in their timeline.
    """
    pending = _pending(places)
    mailboxes = {one.subscriber_id: addresses.folded(one.subscriber.address_key) for one in pending}
    asked, disowned = _history(mailboxes.values(), now)
    runs = _last_runs(mailboxes)
    paper = cache(_paper)
    messages, made, withheld = list[NewMessage](), list[Confirmation](), list[NewEvent]()
    for place in pending:
        mailbox = mailboxes[place.subscriber_id]
        try:
            _check_bearable(now, asked[mailbox], disowned.get(mailbox))
            stationery = paper(place.list)
        except AppError as error:
            withheld.append(_withheld(place, now, error.detail))
            continue
        asked[mailbox].append(now)
        confirmation = Confirmation(
            workspace=place.list.workspace,
            subscriber=place.subscriber,
            run=runs.get(place.subscriber_id, 0) + 1,
            address=mailbox,
            asked_at=now,
        )
        made.append(confirmation)
        messages.append(_message(confirmation, place, stationery))
    for workspace in {one.workspace for one in made}:
        name = str(SourceKind.CONFIRMATION.label)
        mirror(workspace=workspace, kind=SourceKind.CONFIRMATION, source_id=workspace.pk, name=name)
    Confirmation.objects.bulk_create(made)
    events.record_many(withheld)
    return queue_many(messages, now=now)


def find(message: Outbox | SendLedger) -> Confirmation | None:
    """What a message has asked, if it is one that asks."""
    if message.kind != SourceKind.CONFIRMATION:
        return None
    asked = Confirmation.objects.filter(subscriber=message.subscriber_id, run=message.run)
    return asked.select_related("subscriber__workspace").first()


def pending_of(confirmation: Confirmation) -> QuerySet[Subscription]:
    """Where the person waits for their own answer now."""
    places = Subscription.objects.filter(subscriber=confirmation.subscriber_id)
    places = places.filter(state=SubscriptionState.PENDING, list__archived_at=None)
    return places.select_related("list", "subscriber").order_by("id")


@transaction.atomic
def confirm(confirmation: Confirmation, *, lists: Collection[str], by: Answerer) -> bool:
    """Take somebody's yes to lists, by public id. False when they have answered already.

    Raises Invalid when the question is too old, or they say yes to nothing that waits.
    """
    if not _is_open(confirmation, opt_in.GOOD_FOR):
        return False
    chosen = [place for place in pending_of(confirmation) if place.list.public_id in lists]
    if not chosen:
        raise Invalid.field("lists", "required", "Choose what to confirm.")
    _answer(confirmation, "confirm", by)
    for place in chosen:
        people.confirm(place, by=SUBSCRIBER)
    return True


@transaction.atomic
def disown(confirmation: Confirmation, *, by: Answerer) -> bool:
    """Somebody else has typed in their address: take it off what waits, and ask it no more.

    False and Invalid as above.
    """
    if not _is_open(confirmation, opt_in.DISOWN_WITHIN):
        return False
    _answer(confirmation, "disown", by)
    for place in pending_of(confirmation):
        reason = "this was not me"
        people.unsubscribe(place.subscriber, by=SUBSCRIBER, from_list=place.list, reason=reason)
    return True


def _pending(places: Collection[tuple[int, int]]) -> list[Subscription]:
    """The first place of each person that is pending, among those asked about."""
    found = Subscription.objects.filter(
        subscriber__in={subscriber_id for subscriber_id, _ in places},
        list__in={list_id for _, list_id in places},
        state=SubscriptionState.PENDING,
        subscriber__archived_at=None,
        list__archived_at=None,
    )
    found = found.exclude(list__opt_in_message__sends=False).order_by("-id")
    related = "subscriber", "list__workspace", "list__opt_in_message__template"
    first = {
        place.subscriber_id: place
        for place in found.select_related(*related)
        if (place.subscriber_id, place.list_id) in places
    }
    return list(reversed(first.values()))


def _history(
    mailboxes: Iterable[str], now: datetime
) -> tuple[defaultdict[str, list[datetime]], dict[str, datetime]]:
    """When mailboxes were asked within a day, and when their owners last said it was not them."""
    own = Confirmation.objects.filter(address__in=set(mailboxes))
    asked = defaultdict[str, list[datetime]](list)
    for mailbox, instant in own.filter(asked_at__gt=now - opt_in.DAY).values_list(
        "address", "asked_at"
    ):
        asked[mailbox].append(instant)
    disowned = own.filter(state=ConfirmationState.DISOWNED).order_by()
    return asked, dict(disowned.values_list("address").annotate(Max("answered_at")))


def _last_runs(subscriber_ids: Iterable[int]) -> dict[int, int]:
    own = Confirmation.objects.filter(subscriber__in=list(subscriber_ids)).order_by()
    return dict(own.values_list("subscriber").annotate(Max("run")))


def _check_bearable(now: datetime, asked: list[datetime], disowned_at: datetime | None) -> None:
    if why := opt_in.why_not(now, asked=asked, disowned_at=disowned_at):
        raise Invalid.field("subscriber", "asked_enough", why)


def _paper(target: List) -> _Paper:
    """Raises AppError when there is nobody to ask, or nothing to ask with."""
    own = getattr(target, "opt_in_message", None) or OptInMessage(list=target)
    template = own.template or _built_in(target.workspace, own.language)
    version = template.published_version or templates.publish(
        template, by=SYSTEM, ways=[templates.WAY_IN]
    )
    templates.check_ways(version, [templates.WAY_IN])
    senders = SenderIdentity.objects.of(target.workspace).order_by("id")
    sender_id = own.sender_id or senders.values_list("pk", flat=True).first()
    if sender_id is None:
        raise Invalid.field("sender", "required", "the workspace has no sender")
    return _Paper(version.pk, sender_id)


def _built_in(workspace: Workspace, language: str) -> Template:
    """The template that asks by default: made when it is first needed, and then theirs to edit."""
    slug = f"confirm-subscription-{language}"
    made = Template.objects.of(workspace).filter(slug=slug).first()
    return made or templates.create_template(
        workspace,
        name=f"{IN[language].lists} ({dict(LANGUAGES)[language]})",
        slug=slug,
        subject=IN[language].subject,
        html=IN[language].html,
        by=SYSTEM,
    )


def _message(confirmation: Confirmation, place: Subscription, paper: _Paper) -> NewMessage:
    return NewMessage(
        workspace_id=confirmation.workspace_id,
        kind=SourceKind.CONFIRMATION,
        source_id=confirmation.workspace_id,
        step_key="",
        run=confirmation.run,
        variant="",
        subscriber_id=place.subscriber_id,
        list_id=place.list_id,
        template_version_id=paper.template_version_id,
        sender_id=paper.sender_id,
        message_class=MessageClass.TRANSACTIONAL,
        priority=Priority.TRANSACTIONAL,
    )


def _withheld(place: Subscription, now: datetime, why: str) -> NewEvent:
    return NewEvent(
        place.list.workspace_id,
        place.subscriber_id,
        kinds.SUBSCRIPTION_NOT_ASKED,
        now,
        properties={"list_id": place.list_id, "reason": why},
    )


def _is_open(confirmation: Confirmation, good_for: timedelta) -> bool:
    """Lock it; whether it waits for its answer. Raises Invalid when it has waited too long."""
    confirmation.refresh_from_db(from_queryset=Confirmation.objects.select_for_update())
    if confirmation.state != ConfirmationState.ASKED:
        return False
    if confirmation.asked_at + good_for < clock.now():
        raise Invalid.field("token", "ended", "The link has ended.")
    return True


def _answer(confirmation: Confirmation, verb: str, by: Answerer) -> None:
    state.move_one(
        confirmation,
        verb,
        CONFIRMATION_MOVES,
        answered_at=clock.now(),
        answer_ip=by.ip,
        answer_agent=by.agent[:300],
    )
