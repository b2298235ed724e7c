"""The same fact told twice at the same time, on two connections that both commit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal

import pytest
from django.db import connection, transaction

from accounts.audit import SYSTEM
from subscribers import services
from subscribers.facts import CustomEvent
from subscribers.models import Event, EventKey, Subscriber
from subscribers.tests.factories import SubscriberFactory, WorkspaceFactory

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def tell(workspace, facts, *, before_commit=None):
    try:
        with transaction.atomic():
            results = services.record_custom_events(workspace, facts, by=SYSTEM)
            if before_commit:
                before_commit()
            return results
    finally:
        connection.close()


def at_once(workspace, first, second):
    """`second` is told while the transaction of `first` is open; the results of both."""
    told = Signal()

    def hold():
        told.set()
        Signal().wait(0.3)  # long enough for the other one to run into us

    with ThreadPoolExecutor(2) as threads:
        earlier = threads.submit(tell, workspace, first, before_commit=hold)
        assert told.wait(5)
        later = threads.submit(tell, workspace, second)
        return earlier.result(10), later.result(10)


def test_one_of_two_is_accepted_and_both_hear_of_the_same_event():
    ada = SubscriberFactory()
    fact = CustomEvent("order_placed", uid=ada.uid, key="order-1")

    [first], [second] = at_once(ada.workspace, [fact], [fact])

    assert (first.accepted, second.accepted) == (True, False)
    assert first.id == second.id == Event.objects.get(kind="custom").public_id
    assert EventKey.objects.count() == 1


def test_batches_with_the_same_facts_in_another_order_do_not_block_each_other():
    ada = SubscriberFactory()
    facts = [CustomEvent("x", uid=ada.uid, key=f"k{number}") for number in range(50)]

    first, second = at_once(ada.workspace, facts, facts[::-1])

    assert all(result.accepted for result in first)
    assert not any(result.accepted for result in second)
    assert {one.id for one in first} == {one.id for one in second}
    assert Event.objects.filter(kind="custom").count() == 50


def test_a_stranger_becomes_known_once():
    workspace = WorkspaceFactory()
    mixed = [f"p{number}@example.com" for number in (3, 1, 2)]
    facts = [CustomEvent("x", email=email) for email in mixed]

    first, second = at_once(workspace, facts, facts[::-1])

    assert all(result.accepted for result in (*first, *second))
    assert Subscriber.objects.count() == 3
    assert Event.objects.filter(kind="subscriber.created").count() == 3
    assert Event.objects.filter(kind="custom").count() == 6
