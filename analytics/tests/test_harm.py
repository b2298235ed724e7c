from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.tests.factories import WorkspaceFactory
from analytics import harm, services
from analytics.models import Total
from analytics.tests.factories import NOON, make_key
from delivery import services as delivery
from delivery.services.feedback import NewFeedback, record_feedback
from delivery.tests.returned import sent
from emailseq.lib import clock
from subscribers.tests.factories import ListFactory

pytestmark = pytest.mark.django_db

KINDS = {
    "sent": ("message.sent", ""),
    "gone": ("message.failed", "hard"),
    "bounced": ("message.bounced", "hard"),
    "unwanted": ("message.bounced", "sender"),
    "virus": ("message.bounced", "content"),
    "soft": ("message.bounced", "soft"),
    "unsendable": ("message.failed", "content"),
    "refused": ("message.failed", ""),
    "annoyed": ("message.complained", ""),
}


def count(workspace, *, hour=NOON, **counts):
    services.add(
        {
            make_key(workspace, KINDS[name][0], verdict=KINDS[name][1], hour=hour): Total(number)
            for name, number in counts.items()
        }
    )


def found():
    with clock.frozen(NOON + timedelta(minutes=30)):
        return harm.found("campaign", [7])


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"sent": 190, "gone": 10}, None),
        ({"sent": 189, "gone": 11}, "5.5 % of 200 messages bounced: more than 5 %."),
        ({"sent": 100, "gone": 50}, None),  # too few to say
        ({"sent": 190, "bounced": 10, "gone": 1}, "5.8 % of 191 messages bounced"),
        ({"sent": 300, "bounced": 10, "gone": 6}, "5.2 % of 306 messages bounced: more than 5 %."),
        ({"sent": 200, "soft": 150, "refused": 60}, None),
        ({"sent": 1000, "annoyed": 3}, None),
        ({"sent": 1000, "annoyed": 4}, "0.4 % of 1,000 messages annoyed: more than 0.3 %."),
        ({"sent": 47, "unsendable": 3}, "6.0 % of 50 messages could not be sent: more than 5 %."),
        ({"sent": 40, "unsendable": 9}, None),
        ({"sent": 50, "virus": 3}, "6.0 % of 50 messages could not be sent: more than 5 %."),
        ({"sent": 50, "unwanted": 50}, None),  # which pauses the lanes
    ],
)
def test_who_does_harm(counts, sentence):
    if counts == {"sent": 190, "bounced": 10, "gone": 1}:
        sentence = None  # 191 are too few
    count(WorkspaceFactory(), **counts)

    assert found() == ({7: sentence} if sentence else {})


def test_what_came_back_says_why():
    news = ListFactory()
    for message in sent(3, on=news, source_id=7, finished_at=NOON):
        words = NewFeedback(message.pk, "content_fault", NOON, reason="552 5.7.0 A virus.")
        record_feedback([words])
    count(news.workspace, sent=50, virus=20)

    sentence = "40.0 % of 50 messages could not be sent: more than 5 %."
    assert found() == {7: f"{sentence} Mostly: 552 5.7.0 A virus."}


def test_only_the_last_week_counts():
    workspace = WorkspaceFactory()
    count(workspace, hour=NOON - timedelta(days=8), gone=200)
    count(workspace, sent=300)

    assert found() == {}


def test_what_was_before_it_was_paused_is_forgiven():
    workspace = WorkspaceFactory()
    delivery.mirror(workspace=workspace, kind="campaign", source_id=7, name="News")
    count(workspace, hour=NOON - timedelta(hours=2), sent=200, gone=200)
    with clock.frozen(NOON - timedelta(hours=1, minutes=30)):
        delivery.hold(kind="campaign", source_id=7, because="it bounces")

    assert found() == {}
    count(workspace, sent=180, gone=20)
    assert found() == {7: "10.0 % of 200 messages bounced: more than 5 %."}
