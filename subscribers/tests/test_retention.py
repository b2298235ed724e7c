"""The log forgets details after a while, but never what somebody has still to read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from subscribers import events, feed, tasks
from subscribers.events import NewEvent
from subscribers.models import Cursor, Event
from subscribers.tests.factories import SubscriberFactory

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def tell(person, kind, **properties):
    fact = NewEvent(person.workspace_id, person.pk, kind, clock.now(), properties=properties)
    events.record_many([fact])


def told():
    return [event.properties for event in Event.objects.order_by("id")]


def test_details_are_forgotten_once_old_and_read(settings, monkeypatch):
    settings.EVENT_DETAILS_FOR = timedelta(days=90)
    monkeypatch.setattr(feed, "consumers", {})

    @feed.consumer("slow-reader", kinds=["custom"])
    def read(batch):
        """Reads what it gets."""

    person, now = SubscriberFactory(workspace=WorkspaceFactory()), clock.now()
    with clock.frozen(now - timedelta(days=91)):
        tell(person, "custom", total=7, note="likes engines")
        tell(person, "message.clicked", link=3, first=True, excerpt="Dear all")
    tell(person, "custom", total=8)
    before = told()

    assert tasks.forget_event_details() == 0  # nobody has read them
    assert told() == before
    feed.run("slow-reader")
    assert tasks.forget_event_details() == 2

    assert told() == [{}, {"link": 3, "first": True}, {"total": 8}]
    assert tasks.forget_event_details() == 0
    assert Cursor.objects.filter(name="slow-reader", parked_at=None).exists()


def test_by_default_they_stay():
    person = SubscriberFactory()
    with clock.frozen(clock.now() - timedelta(days=4000)):
        tell(person, "custom", total=7)

    assert tasks.forget_event_details() == 0
    assert told() == [{"total": 7}]
