from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from delivery import services
from delivery.models import Outbox
from delivery.services import NewMessage
from delivery.tests.factories import queue
from emailseq.lib import clock
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_a_message_is_queued_once_whoever_asks_at_once():
    news = ListFactory()
    (known,) = queue(make_audience(1, on=news), on=news)
    people = make_audience(50, on=news)

    def ask(order):
        rows = [
            NewMessage(
                known.workspace_id,
                known.kind,
                known.source_id,
                "",
                0,
                "",
                person.pk,
                news.pk,
                known.template_version_id,
                known.sender_id,
            )
            for person in people[::order]
        ]
        return services.queue_many(rows, now=clock.now())

    def ask_on_a_connection_of_its_own(order):
        try:
            return ask(order)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        queued = [*pool.map(ask_on_a_connection_of_its_own, [1, -1, 1, -1])]

    assert sum(queued) == 50
    assert Outbox.objects.count() == 51
    assert ask(1) == 0
