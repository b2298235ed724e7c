"""What people do with their mail: told by events, halved every month, asked for in rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import sign_in
from emailseq.lib import clock
from subscribers import consumers, events, feed, services
from subscribers.events import NewEvent
from subscribers.models import Engagement, Event
from subscribers.segments import profiles, rules
from subscribers.segments.compile import everybody, matching
from subscribers.segments.evaluate import holds
from subscribers.tests.factories import SubscriberFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def tell(person, kind, *, ago=timedelta(), verdict=""):
    told = NewEvent(person.workspace_id, person.pk, kind, NOW - ago, verdict=verdict)
    events.record_many([told])


def take_in():
    """As the feed does once all is committed."""
    told = Event.objects.filter(kind__in=consumers.POINTS).order_by("id")
    consumers.on_engaged(list(told))
    told.delete()


def scores(*people, at=NOW):
    found = Engagement.objects.scores([person.pk for person in people], now=at)
    return [found.get(person.pk, 0) for person in people]


def test_what_people_do_counts_and_what_machines_do_does_not():
    ada, bob, cyd = (SubscriberFactory() for _ in range(3))
    tell(ada, "message.clicked", verdict="human")
    tell(ada, "message.opened", verdict="human")
    tell(bob, "message.clicked", verdict="machine")
    tell(bob, "message.opened", verdict="unknown")
    tell(bob, "message.sent")
    tell(cyd, "subscription.confirmed")
    tell(cyd, "message.replied")

    take_in()

    assert scores(ada, bob, cyd) == [50, 0, 64]  # 5, 0 and 9 points
    assert not Engagement.objects.filter(subscriber=bob).exists()


def test_it_halves_every_month_in_whatever_order_it_is_told():
    early, late, both = (SubscriberFactory() for _ in range(3))
    tell(early, "message.clicked", ago=MONTH, verdict="human")
    tell(late, "message.opened", verdict="human")
    tell(late, "message.clicked", ago=2 * MONTH, verdict="human")
    tell(both, "message.opened", verdict="human")
    take_in()
    tell(both, "message.clicked", ago=2 * MONTH, verdict="human")
    take_in()

    assert scores(early, late, both) == [28, 28, 28]  # two points each
    assert scores(both, at=NOW + MONTH) == [16]
    assert scores(both, at=NOW + 1000 * MONTH) == [0]
    assert scores(both, at=NOW - MONTH) == [28]  # a clock behind does not make it grow


def test_rules_ask_for_it_of_everybody_and_of_one():
    warm = SubscriberFactory()
    cold, silent = (SubscriberFactory(workspace=warm.workspace) for _ in range(2))
    tell(warm, "message.clicked", verdict="human")
    tell(cold, "message.clicked", ago=6 * MONTH, verdict="human")
    take_in()
    workspace, ids = warm.workspace, [warm.pk, cold.pk, silent.pk]
    is_cold = rules.parse({"field": "engagement", "op": "lt", "value": 10})
    is_warm = rules.parse({"field": "engagement", "op": "between", "value": [40, 50]})

    with clock.frozen(NOW):
        known = profiles.load(workspace, ids)

    assert {pk for (pk,) in everybody(is_cold, workspace, now=NOW).rows()} == {cold.pk, silent.pk}
    assert matching(is_warm, workspace, ids, now=NOW) == {warm.pk}
    assert [pk for pk in ids if holds(is_cold, known[pk], NOW, zone="UTC")] == ids[1:]
    assert [pk for pk in ids if holds(is_warm, known[pk], NOW, zone="UTC")] == ids[:1]


def test_the_feed_brings_it_what_counts():
    assert feed.consumers["engagement"].kinds == tuple(consumers.POINTS)


def test_a_page_of_a_person_shows_it():
    client = sign_in()
    person = SubscriberFactory(workspace=client.workspace)
    Engagement.objects.create(subscriber=person, points=5, as_of=clock.now() + MONTH)

    page = client.get(reverse("admin:subscribers_subscriber_change", args=[person.pk]))

    assert "50 of 100" in page.content.decode()


def test_a_segment_of_the_engaged_says_what_it_is():
    person = SubscriberFactory()
    rule = {"field": "engagement", "op": "gte", "value": 30}
    made = services.create_segment(
        person.workspace, name="Engaged", slug="engaged", rule=rule, by=SYSTEM
    )

    assert made.rule == rule
