"""Who may be mailed on which list, and the evidence of their yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from emailseq.lib import clock, state, text
from emailseq.lib.errors import Invalid
from subscribers import events, kinds
from subscribers.models import List, Subscriber, Subscription
from subscribers.services.suppression import suppress, take_back_own_no
from subscribers.states import SUBSCRIPTION_MOVES, OptIn, SubscriptionState, SuppressionReason

KINDS_OF_STATE: dict[str, str] = {  # what the log is told of a place that is new
    SubscriptionState.CONFIRMED: kinds.SUBSCRIPTION_CONFIRMED,
    SubscriptionState.PENDING: kinds.SUBSCRIPTION_PENDING,
}


@dataclass(frozen=True)
class Consent:
    """The evidence of a yes: where it was given, to which words, from which address."""

    source: str
    text: str = ""
    ip: str | None = None


class Place(NamedTuple):
    """A place that somebody shall have on a list."""

    to: List
    consent: Consent | None = None
    confirmed: bool = False


def evidence_of(consent: Consent | None, *, confirmed: bool = False) -> dict[str, Any]:
    """The columns that keep a consent. Raises Invalid when there is none behind a `confirmed`."""
    given = consent or Consent("")
    if confirmed and not given.source:
        raise Invalid.field("consent", "required", "Confirmed people need a consent source.")
    text.check(consent_source=given.source, consent_text=given.text)
    return {
        "consent_source": given.source[:200],
        "consent_text": given.text[:1000],
        "consent_ip": given.ip,
        "consented_at": clock.now() if given.source else None,
    }


def taken_now(place: Place) -> dict[str, Any]:
    """The columns of a place that somebody takes who had none. Raises Invalid, as `evidence_of`."""
    at_once = place.confirmed or place.to.opt_in == OptIn.SINGLE
    return {
        "state": SubscriptionState.CONFIRMED if at_once else SubscriptionState.PENDING,
        "confirmed_at": clock.now() if at_once else None,
        **evidence_of(place.consent, confirmed=place.confirmed),
    }


@transaction.atomic
def subscribe(
    subscriber: Subscriber,
    *,
    to: List,
    by: Actor,
    consent: Consent | None = None,
    confirmed: bool = False,
) -> Subscription:
    """Put a person on a list; pending on a double opt-in list unless `confirmed` is vouched for.

    Who left stays left, and nothing changes for who is there already, but that a pending place is
    confirmed by `confirmed`. That takes the consent it rests on: without one, Invalid.
    """
    subscription, created = Subscription.objects.select_for_update().get_or_create(
        list=to, subscriber=subscriber, defaults=taken_now(Place(to, consent, confirmed))
    )
    if created:
        kind = KINDS_OF_STATE[subscription.state]
        events.record(subscriber, kind, list_id=to.pk, by=by.kind)
    elif confirmed and subscription.state == SubscriptionState.PENDING:
        confirm(subscription, by=by, consent=consent)
    return subscription


@transaction.atomic
def confirm(subscription: Subscription, *, by: Actor, consent: Consent | None = None) -> bool:
    """Turn a pending subscription into a confirmed one; False when it is confirmed already.

    Who confirms in person takes back the no they once said to everything; nobody else can.
    """
    moved = state.move_one(
        subscription,
        "confirm",
        SUBSCRIPTION_MOVES,
        confirmed_at=clock.now(),
        **(evidence_of(consent) if consent else {}),
    )
    if moved:
        kind = kinds.SUBSCRIPTION_CONFIRMED
        events.record(subscription.subscriber, kind, list_id=subscription.list_id, by=by.kind)
        if by == audit.SUBSCRIBER:
            take_back_own_no(subscription.subscriber)
    return moved


@transaction.atomic
def ask_again(subscriber: Subscriber, *, to: List, by: Actor) -> bool:
    """Ask somebody once more whether they mean it; False unless they are pending on the list.

    Whether another message leaves is for delivery to say, which counts what an address is sent.
    """
    places = Subscription.objects.filter(subscriber=subscriber, list=to)
    pending = places.filter(state=SubscriptionState.PENDING).exists()
    if pending:
        kind = kinds.SUBSCRIPTION_PENDING
        events.record(subscriber, kind, list_id=to.pk, by=by.kind, again=True)
    return pending


@transaction.atomic
def ask_to_join(subscriber: Subscriber, *, to: List, by: Actor, consent: Consent) -> bool:
    """Ask to join a double opt-in list in somebody's name; False when they are on it anyway.

    Whoever is new or has left is pending from now on, and who is pending is asked again: nobody is
    mailed on the list before they confirm.
    """
    places = Subscription.objects.select_for_update().filter(subscriber=subscriber, list=to)
    place = places.first()
    if place is None:
        subscribe(subscriber, to=to, by=by, consent=consent)
    elif place.state == SubscriptionState.PENDING:
        ask_again(subscriber, to=to, by=by)
    elif place.state == SubscriptionState.UNSUBSCRIBED:
        state.move_one(place, "return", SUBSCRIPTION_MOVES, **evidence_of(consent))
        events.record(subscriber, kinds.SUBSCRIPTION_PENDING, list_id=to.pk, by=by.kind)
    else:
        return False
    return True


@transaction.atomic
def join(subscriber: Subscriber, *, to: List, consent: Consent) -> None:
    """Put somebody on a list who asks for it in person, by a link that only they have.

    On a double opt-in list they are pending, and asked, like anybody who asks: whoever they have
    passed a message on to holds the link, too.
    """
    by = audit.SUBSCRIBER
    asked = ask_to_join(subscriber, to=to, by=by, consent=consent)
    if asked and to.opt_in == OptIn.SINGLE:
        place = Subscription.objects.get(subscriber=subscriber, list=to)
        confirm(place, by=by)
        take_back_own_no(subscriber)


@transaction.atomic
def unsubscribe(
    subscriber: Subscriber, *, by: Actor, from_list: List | None = None, reason: str = ""
) -> int:
    """Take a person off one list or, without one, off everything for good (suppressed).

    Returns how many subscriptions ended. It holds for every message not yet on the wire.
    """
    text.check(reason=reason)
    places = Subscription.objects.filter(subscriber=subscriber)
    if from_list is not None:
        places = places.filter(list=from_list)
    leaving = places.filter(state__in=SUBSCRIPTION_MOVES["unsubscribe"].sources)
    left = list(leaving.select_for_update().order_by("id").values_list("list_id", flat=True))
    state.move(leaving, SUBSCRIPTION_MOVES["unsubscribe"], unsubscribed_at=clock.now())
    for list_id in left:
        kind = kinds.SUBSCRIPTION_UNSUBSCRIBED
        events.record(subscriber, kind, list_id=list_id, by=by.kind, reason=reason)
    if from_list is None:
        suppress(
            subscriber.workspace,
            email=subscriber.email,
            reason=SuppressionReason.UNSUBSCRIBED,
            by=by,
        )
    return len(left)


def take_places(subscriber: Subscriber, places: Sequence[Place], *, by: Actor) -> bool:
    """Subscribe a person to several lists; whether that changed anything."""
    held = Subscription.objects.filter(subscriber=subscriber).values_list("list", "state")
    before = set(held)
    for place in places:
        subscribe(subscriber, by=by, **place._asdict())
    return set(held.all()) != before
