from __future__ import annotations

import factory

from accounts.models import Workspace
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from subscribers.models import CustomField, List, Segment, Subscriber, Subscription
from subscribers.services import parse_address
from subscribers.states import FieldKind, OptIn, SubscriptionState


class SubscriberFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Subscriber

    workspace = factory.SubFactory(WorkspaceFactory)
    email = factory.Sequence(lambda n: f"person-{n}@example.com")
    address_key = factory.LazyAttribute(lambda made: parse_address(made.email).key)
    first_name = "Ada"
    last_name = "Lovelace"


class ListFactory(factory.django.DjangoModelFactory):
    """A double opt-in list; `ListFactory(opt_in=OptIn.SINGLE)` confirms at once."""

    class Meta:
        model = List

    workspace = factory.SubFactory(WorkspaceFactory)
    name = factory.Sequence(lambda n: f"List {n}")
    slug = factory.Sequence(lambda n: f"list-{n}")
    opt_in = OptIn.DOUBLE


class SubscriptionFactory(factory.django.DjangoModelFactory):
    """A confirmed place; the subscriber is made in the list's workspace."""

    class Meta:
        model = Subscription

    list = factory.SubFactory(ListFactory)
    subscriber = factory.SubFactory(
        SubscriberFactory, workspace=factory.SelfAttribute("..list.workspace")
    )
    state = SubscriptionState.CONFIRMED
    consent_source = "test"
    consented_at = factory.LazyFunction(clock.now)
    confirmed_at = factory.LazyAttribute(
        lambda made: clock.now() if made.state == SubscriptionState.CONFIRMED else None
    )


class CustomFieldFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = CustomField

    workspace = factory.SubFactory(WorkspaceFactory)
    key = factory.Sequence(lambda n: f"field_{n}")
    label = factory.LazyAttribute(lambda made: made.key.replace("_", " ").title())
    kind = FieldKind.TEXT


def make_people(count: int, *, workspace: Workspace) -> list[Subscriber]:
    """`count` people by two statements, however many they are."""
    people = SubscriberFactory.build_batch(count, workspace=workspace)
    return Subscriber.objects.bulk_create(people, batch_size=5000)


def make_audience(count: int, *, on: List) -> list[Subscriber]:
    """`count` people with a confirmed place on the list each."""
    people = make_people(count, workspace=on.workspace)
    places = [SubscriptionFactory.build(list=on, subscriber=person) for person in people]
    Subscription.objects.bulk_create(places, batch_size=5000)
    return people


class SegmentFactory(factory.django.DjangoModelFactory):
    """A segment as `create_segment` leaves it: being built, without members."""

    class Meta:
        model = Segment

    workspace = factory.SubFactory(WorkspaceFactory)
    name = factory.Sequence(lambda n: f"Segment {n}")
    slug = factory.Sequence(lambda n: f"segment-{n}")
    rule = factory.LazyFunction(lambda: {"field": "email", "op": "exists"})
