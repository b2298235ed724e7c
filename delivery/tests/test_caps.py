"""When messages may leave, and how many of them a person gets: asked at the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from delivery import services
from delivery.models import Outbox, SendLedger, Source
from delivery.states import SourceKind
from delivery.tests.factories import queue
from emailseq.lib import clock
from subscribers.models import Event, Subscriber
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
NINE_TO_FIVE = {"opens": "09:00", "closes": "17:00", "weekdays": [1, 2, 3, 4, 5]}
MONDAY_8_BERLIN = datetime(2026, 3, 30, 6, tzinfo=UTC)  # the day after the clocks went forward


@pytest.fixture
def news():
    return ListFactory(name="Harbour news", workspace__time_zone="Europe/Berlin")


def cap(news, **terms):
    type(news.workspace).objects.filter(pk=news.workspace_id).update(**terms)


def test_outside_the_send_window_a_message_waits_for_its_opening(wire, news):
    (ada,) = make_audience(1, on=news)
    queue([ada], on=news)
    Source.objects.update(window=NINE_TO_FIVE)

    with clock.frozen(MONDAY_8_BERLIN):
        assert wire.send() == 0

    row = Outbox.objects.get()
    assert row.run_at == max(row.queued_at, MONDAY_8_BERLIN + timedelta(hours=1))
    assert (row.attempts, row.lease_token, row.wire_at) == (0, None, None)


def test_the_window_is_the_one_of_the_readers_own_clock(wire, news):
    people = make_audience(2, on=news)
    Subscriber.objects.filter(pk=people[0].pk).update(time_zone="Asia/Kathmandu")
    Subscriber.objects.filter(pk=people[1].pk).update(time_zone="America/New_York")
    queue(people, on=news)
    Source.objects.update(window=NINE_TO_FIVE)
    Outbox.objects.update(run_at=MONDAY_8_BERLIN - timedelta(days=3))

    with clock.frozen(MONDAY_8_BERLIN):  # 11:45 in Kathmandu, 02:00 in New York
        assert wire.send() == 1

    assert wire.recipients == [people[0].email]
    assert Outbox.objects.get().run_at == datetime(2026, 3, 30, 13, tzinfo=UTC)


def test_quiet_hours_hold_for_every_source_and_past_midnight(wire, news):
    people = make_audience(1, on=news)
    queue(people, on=news)
    cap(news, awake={"opens": "07:00", "closes": "22:00"})
    Outbox.objects.update(run_at=MONDAY_8_BERLIN - timedelta(days=3))

    with clock.frozen(datetime(2026, 3, 29, 22, tzinfo=UTC)):  # midnight in Berlin
        assert wire.send() == 0

    assert Outbox.objects.get().run_at == datetime(2026, 3, 30, 5, tzinfo=UTC)


def test_transactional_messages_know_no_window_and_no_cap(wire, news):
    people = make_audience(1, on=news)
    queue(people, on=news)
    Source.objects.update(window=NINE_TO_FIVE)
    cap(news, cap_per_day=0)
    Outbox.objects.update(message_class="transactional", run_at=MONDAY_8_BERLIN)

    with clock.frozen(MONDAY_8_BERLIN):
        assert wire.send() == 1


def test_a_cap_counts_across_sources_and_says_when_there_is_room(wire, news):
    (ada,) = make_audience(1, on=news)
    cap(news, cap_per_day=1)
    queue([ada], on=news, source_id=1)
    assert wire.send() == 1

    queue([ada], on=news, source_id=2)
    assert wire.send() == 0

    sent, row = SendLedger.objects.get(), Outbox.objects.get()
    assert row.run_at == sent.finished_at + timedelta(days=1)
    assert (row.attempts, row.wire_at) == (0, None)
    held = Event.objects.get(kind="message.held")
    assert (held.properties, held.subscriber_id) == ({"reason": "frequency cap"}, ada.pk)


def test_a_source_may_rather_leave_it_out(wire, news):
    (ada,) = make_audience(1, on=news)
    cap(news, cap_per_week=1)
    queue([ada], on=news, source_id=1)
    wire.send()
    queue([ada], on=news, source_id=2)
    Source.objects.filter(source_id=2).update(cap_policy="skip")

    assert wire.send() == 0

    assert not Outbox.objects.exists()
    skipped = SendLedger.objects.get(source_id=2)
    assert (skipped.outcome, skipped.reason) == ("skipped", "frequency cap")


def test_what_was_sent_before_the_term_does_not_count(wire, news):
    (ada,) = make_audience(1, on=news)
    cap(news, cap_per_day=1, cap_per_week=2)
    queue([ada], on=news, source_id=1)
    wire.send()
    SendLedger.objects.update(finished_at=clock.now() - timedelta(hours=25))
    queue([ada], on=news, source_id=2)

    assert wire.send() == 1


def test_a_batch_that_holds_three_for_one_person_sends_one(wire, news):
    (ada,) = make_audience(1, on=news)
    cap(news, cap_per_day=1)
    for source_id in (1, 2, 3):
        queue([ada], on=news, source_id=source_id)

    assert wire.send() == 1

    assert SendLedger.objects.get().outcome == "sent"
    assert Outbox.objects.filter(run_at__gt=clock.now()).count() == 2


def test_a_higher_rank_finds_room_though_it_came_later(wire, news):
    (ada,) = make_audience(1, on=news)
    cap(news, cap_per_day=1)
    queue([ada], on=news, source_id=1)
    queue([ada], on=news, source_id=2, kind=SourceKind.SEQUENCE)
    Source.objects.filter(source_id=2).update(rank=5)

    wire.send(seconds=0.8)

    assert [row.source_id for row in SendLedger.objects.all()] == [2]
    assert Outbox.objects.get().source_id == 1


def test_two_pumps_at_once_never_exceed_the_cap(wire, news):
    people = make_audience(40, on=news)
    cap(news, cap_per_day=1)
    for source_id in range(1, 5):
        queue(people, on=news, source_id=source_id)

    wire.send(pumps=2, seconds=1.5, latency=0.01)

    assert wire.recipients == sorted(person.email for person in people)
    assert Outbox.objects.filter(lease_token=None, wire_at=None).count() == 120


def test_mirror_keeps_the_terms_of_a_source(news):
    known = {"workspace": news.workspace, "kind": "sequence", "source_id": 7}
    services.mirror(**known, name="A", window=NINE_TO_FIVE, cap_policy="skip", rank=3)
    services.mirror(**known, name="B")

    row = Source.objects.get(source_id=7)
    assert (row.name, row.window, row.cap_policy, row.rank) == ("B", None, "reschedule", 0)
