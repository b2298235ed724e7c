"""Which links are followed, by how many, and why people leave: counted from clicks to numbers."""

from __future__ import annotations

import time
import uuid
from dataclasses import astuple
from datetime import timedelta

import pytest

from analytics import links, recount
from analytics.models import LinkKey, LinkRollup
from analytics.tests.factories import catch_up
from delivery import services, tasks
from delivery.models import Outbox, SendLedger
from delivery.tests.factories import queue
from delivery.tracking import Links
from emailseq.lib import clock
from subscribers import feed
from subscribers.models import Cursor, Event
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
READER = {"HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"}
SCANNER = {"HTTP_USER_AGENT": "Barracuda Sentinel (EE)"}
TARGETS = [f"https://example.com/{number}" for number in range(3)]


@pytest.fixture
def sent():
    """The links of two messages that left a minute ago."""
    news = ListFactory()
    html = "".join(f'<a href="{target}">x</a>' for target in TARGETS)
    queue(make_audience(2, on=news), on=news, html=html, links=TARGETS)
    lease = uuid.uuid4()
    Outbox.objects.update(lease_token=lease)
    ids = [*Outbox.objects.order_by("id").values_list("pk", flat=True)]
    services.finish([(pk, "sent", "", "250 OK") for pk in ids], token=lease)
    SendLedger.objects.update(finished_at=clock.now() - timedelta(minutes=1))
    return [Links("", pk) for pk in ids]


def count():
    """Judge all hits there are, and count them."""
    with clock.frozen(clock.now() + timedelta(seconds=6)):
        tasks.drain_hits()
    catch_up()
    newest = Event.objects.order_by("-xid").values_list("xid", flat=True).first()
    until = time.monotonic() + 20
    while not Cursor.objects.filter(name="links", xid__gte=newest).exists():
        assert time.monotonic() < until, "the consumer does not come there"
        if not feed.run("links"):
            time.sleep(0.01)


ONE = {"count": 1, "first_count": 1}


def links_adrift():
    return [one for one in recount.drift() if one.book == "links"]


def numbers():
    return [astuple(link)[3:8] for link in links.links("campaign", 1)]


def test_links_are_counted_by_people_and_by_clicks(client, sent):
    ada, bob = sent
    for link in (ada.click(0), ada.click(0), ada.click(2), bob.click(0)):
        client.get(link, **READER)
    client.get(bob.click(1), **SCANNER)
    count()
    assert numbers() == [
        (0, TARGETS[0], 2, 3, 0),
        (1, TARGETS[1], 0, 0, 1),
        (2, TARGETS[2], 1, 1, 0),
    ]

    client.get(ada.click(2), **READER)
    client.get(bob.click(2), **READER)
    client.get(bob.click(3), **SCANNER)  # the hidden one, with which the click before it came
    count()

    assert numbers()[2] == (2, TARGETS[2], 1, 2, 1)
    counted = numbers()
    assert links_adrift() == []
    LinkRollup.objects.filter(link=2, verdict="human").update(count=9)
    LinkRollup.objects.filter(link=0).delete()
    LinkRollup.objects.create(
        **{**LinkRollup.objects.values(*LinkKey._fields).get(link=2, verdict="human"), "link": 7},
        **ONE,
    )
    assert [*map(str, links_adrift())] == [
        "link 0 human of campaign 1: 0 (0 first) in links, not 3 (2 first).",
        "link 2 human of campaign 1: 9 (1 first) in links, not 2 (1 first).",
        "link 7 human of campaign 1: 1 (1 first) in links, not 0 (0 first).",
    ]
    assert recount.rebuild() == 3
    assert (links_adrift(), numbers()) == ([], counted)
    assert [link.position for link in links.links("campaign", 1)] == [0, 1, 2]
    assert links.links("campaign", 2) == []


def test_reasons_for_leaving_are_counted_by_source(client, sent):
    ada, bob = sent
    client.post(ada.unsubscribe, {"reason": "too_many"})
    client.post(bob.unsubscribe, {"reason": "too_many"})
    client.post(bob.unsubscribe, {"reason": "other"})
    catch_up()

    assert links.leaving_reasons("campaign", 1) == {
        "too_many": 2,
        "irrelevant": 0,
        "not_asked": 0,
        "other": 0,
    }
    assert set(links.leaving_reasons("campaign", 2).values()) == {0}
