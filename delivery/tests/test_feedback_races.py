"""What two workers are told of the same people at the same time, on connections of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from delivery import callbacks
from delivery.models import Callback, Feedback
from delivery.services.feedback import NewFeedback, record_feedback
from delivery.tests.returned import DAY, NOW, sent
from subscribers.models import Event, Suppression
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def at_once(*acts):
    """What each of them returns, begun at the same moment."""
    barrier = Barrier(len(acts))

    def run(act):
        try:
            barrier.wait(10)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [*threads.map(run, acts)]


def test_the_same_told_by_four_workers_has_one_effect():
    rows = sent(3)
    told = [NewFeedback(row.pk, kind, NOW) for row in rows for kind in ("hard", "complained")]

    news = at_once(
        *[lambda order=order: record_feedback(told[::order]) for order in (1, -1, 1, -1)]
    )

    assert sum(news) == 6
    assert Feedback.objects.count() == 6
    assert Event.objects.filter(kind="message.complained").count() == 3
    assert [*Suppression.objects.values_list("reason", flat=True)] == ["complaint"] * 3


def test_the_third_soft_bounce_is_not_lost_between_two_workers():
    news = ListFactory()
    (ada,) = make_audience(1, on=news)
    rows = [sent(source_id=n, people=[ada], on=news, finished_at=NOW)[0] for n in range(1, 4)]
    record_feedback([NewFeedback(rows[0].pk, "soft", NOW)])

    at_once(
        *[
            lambda n=n: record_feedback([NewFeedback(rows[n].pk, "soft", NOW + n * DAY)])
            for n in (1, 2)
        ]
    )

    assert Suppression.objects.get().reason == "soft_bounce"


def test_what_two_hand_in_at_once_is_written_down_once_and_applied_once():
    (message,) = sent()
    raw = b"From: ada@example.net\r\n\r\nHello."

    kept = at_once(*[lambda: callbacks.keep_mail(raw, origin="test")] * 4)
    taken = at_once(*[callbacks.apply] * 4)

    assert (sorted(kept), sum(taken)) == ([False, False, False, True], 1)
    assert Callback.objects.get().tries == 1
    assert not Feedback.objects.filter(message_id=message.pk).exists()
