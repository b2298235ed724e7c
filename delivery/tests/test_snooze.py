"""What people have chosen themselves: when marketing reaches them again, and how often."""

from __future__ import annotations

from datetime import timedelta

import pytest

from delivery.models import Outbox, SendLedger
from delivery.states import MessageClass, SourceKind
from delivery.tests.factories import queue
from emailseq.lib import clock
from subscribers.models import Event, Subscriber
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_who_snoozes_is_left_out_by_campaigns_and_reached_later_by_sequences(wire):
    news = ListFactory()
    ada, grace = make_audience(2, on=news)
    until = clock.now() + timedelta(days=30)
    Subscriber.objects.filter(pk=ada.pk).update(snoozed_until=until)
    Subscriber.objects.filter(pk=grace.pk).update(snoozed_until=clock.now() - timedelta(days=1))
    queue([ada, grace], on=news)
    queue([ada], on=news, kind=SourceKind.SEQUENCE)
    transactional = MessageClass.TRANSACTIONAL
    queue([ada], on=None, kind=SourceKind.TRANSACTIONAL, message_class=transactional)

    assert wire.send() == 2

    assert sorted(wire.recipients) == sorted([ada.email, grace.email])
    skipped = SendLedger.objects.get(outcome="skipped")
    assert (skipped.subscriber_id, skipped.kind, skipped.reason) == (ada.pk, "campaign", "snoozed")
    row = Outbox.objects.get()
    assert (row.kind, row.run_at, row.attempts, row.wire_at) == ("sequence", until, 0, None)
    held = Event.objects.get(kind="message.held")
    assert (held.subscriber_id, held.properties) == (ada.pk, {"reason": "snoozed"})


def test_who_wants_one_a_week_gets_one_a_week_from_all_sources(wire):
    news = ListFactory()
    ada, grace = make_audience(2, on=news)
    Subscriber.objects.filter(pk=ada.pk).update(frequency="weekly")
    queue([ada, grace], on=news, source_id=1)
    assert wire.send() == 2

    queue([ada, grace], on=news, source_id=2)
    assert wire.send() == 1

    row, sent = Outbox.objects.get(), SendLedger.objects.get(subscriber=ada)
    assert (row.subscriber_id, row.run_at) == (ada.pk, sent.finished_at + timedelta(days=7))
    assert SendLedger.objects.filter(subscriber=grace, outcome="sent").count() == 2
