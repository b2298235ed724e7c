from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.db import connection

from accounts.audit import SYSTEM
from delivery import engine, reaper, services
from delivery.lease import in_thread, pool_of
from delivery.models import Lease, Outbox, SendLedger
from delivery.states import MessageClass
from delivery.tests.factories import queue
from delivery.transports.smtp import Server
from emailseq.lib import clock
from subscribers import feed
from subscribers import services as people
from subscribers.models import Event, Suppression
from subscribers.tests.factories import ListFactory, SubscriberFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_a_due_message_reaches_the_server_and_the_ledger(wire):
    news = ListFactory(name="Harbour news", slug="news", workspace__slug="harbour")
    (ada,) = make_audience(1, on=news)
    (queued,) = queue([ada], on=news)

    assert wire.send() == 1

    assert wire.recipients == [ada.email]
    assert not Outbox.objects.exists()
    message = SendLedger.objects.get()
    assert (message.pk, message.outcome, message.reason) == (queued.pk, "sent", "")
    assert message.reply.startswith("250")
    assert message.wire_at <= message.finished_at
    event = Event.objects.get(kind="message.sent")
    assert (event.message_id, event.subscriber_id, event.source_id) == (message.pk, ada.pk, 1)


def test_what_arrives_is_a_good_bulk_message(wire, client):
    news = ListFactory(name="Harbour news", slug="news", workspace__slug="harbour")
    (ada,) = make_audience(1, on=news)
    queue([ada], on=news)

    wire.send()

    mail = message_from_bytes(wire.mails[0], policy=policy.default)
    assert mail["From"] == "Mié at Harbour <mie@harbour.example>"
    assert mail["To"] == f"Ada Lovelace <{ada.email}>"
    assert mail["Subject"] == "Hello Ada"
    assert mail["List-Id"] == "Harbour news <news.harbour.harbour.example>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Hello Ada" in mail.get_body(("html",)).get_content()
    assert "Hello Ada" in mail.get_body(("plain",)).get_content()
    url = mail["List-Unsubscribe"].strip("<>")
    assert client.post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert ada.subscriptions.get().state == "unsubscribed"


def test_marketing_alone_has_a_link_that_nobody_sees(wire):
    news = ListFactory()
    (ada,) = make_audience(1, on=news)
    queue([ada], on=news)
    queue([ada], on=news, source_id=2, message_class=MessageClass.TRANSACTIONAL)

    wire.send()

    hidden = 'style="display:none" aria-hidden="true" tabindex="-1"></a>'
    pages, texts = {}, []
    for data in wire.mails:
        mail = message_from_bytes(data, policy=policy.default)
        pages["List-Unsubscribe" in mail] = mail.get_body(("html",)).get_content()
        texts.append(mail.get_body(("plain",)).get_content())
    assert [pages[True].count(hidden), pages[False].count(hidden)] == [1, 0]
    assert not any("/c/" in text for text in texts)


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (lambda ada, news: people.unsubscribe(ada, from_list=news, by=SYSTEM), "not subscribed"),
        (
            lambda ada, news: people.suppress(
                ada.workspace, email=ada.email, reason="manual", by=SYSTEM
            ),
            "suppressed: manual",
        ),
        (
            lambda ada, news: type(ada).objects.filter(pk=ada.pk).update(archived_at=clock.now()),
            "archived",
        ),
        (lambda ada, news: services.cancel(kind="campaign", source_id=1), "cancelled"),
    ],
    ids=["unsubscribe", "suppression", "archive", "cancel"],
)
def test_a_stop_committed_before_the_wire_mark_wins(wire, before_mark, stop, reason):
    news = ListFactory()
    ada, bob = make_audience(2, on=news)
    queue([ada], on=news)
    queue([bob], on=news, source_id=2)

    before_mark(lambda: stop(ada, news))
    wire.send()

    assert wire.recipients == [bob.email]
    message = SendLedger.objects.get(subscriber=ada)
    assert (message.outcome, message.reason, message.wire_at) == ("skipped", reason, None)


@pytest.mark.parametrize(
    ("hold", "release"),
    [
        (
            lambda ada: services.hold(kind="campaign", source_id=1),
            lambda ada: services.release(kind="campaign", source_id=1),
        ),
        (
            lambda ada: services.hold_messages(
                kind="campaign", source_id=1, subscriber_ids=[ada.pk]
            ),
            lambda ada: services.release_messages(
                kind="campaign", source_id=1, subscriber_ids=[ada.pk]
            ),
        ),
    ],
    ids=["source", "person"],
)
def test_a_pause_committed_before_the_wire_mark_keeps_the_message(wire, before_mark, hold, release):
    news = ListFactory()
    (ada,) = make_audience(1, on=news)
    queue([ada], on=news)

    before_mark(lambda: hold(ada))
    assert wire.send() == 0

    assert wire.journal == []
    message = Outbox.objects.get()
    assert (message.lease_token, message.wire_at, message.attempts) == (None, None, 0)

    release(ada)
    assert wire.send() == 1
    assert wire.recipients == [ada.email]


def test_a_hard_bounce_fails_and_suppresses_the_address(wire):
    news = ListFactory()
    gone = SubscriberFactory(workspace=news.workspace, email="ada+f_rcpt_550@example.com")
    people.subscribe(
        gone, to=news, by=SYSTEM, confirmed=True, consent=people.Consent(source="test")
    )
    (bob,) = make_audience(1, on=news)
    queue([gone, bob], on=news)

    wire.send()
    feed.run("bounces")

    assert wire.recipients == [bob.email]
    assert SendLedger.objects.get(subscriber=gone).outcome == "failed"
    suppression = Suppression.objects.get()
    assert (suppression.address_key, suppression.reason) == (gone.address_key, "hard_bounce")


def test_a_deferral_is_tried_again_later_and_counts(wire):
    news = ListFactory()
    busy = SubscriberFactory(workspace=news.workspace, email="ada+f_once_451@example.com")
    people.subscribe(
        busy, to=news, by=SYSTEM, confirmed=True, consent=people.Consent(source="test")
    )
    queue([busy], on=news)

    wire.send()

    message = Outbox.objects.get()
    assert (message.attempts, message.lease_token, message.wire_at) == (1, None, None)
    wait = message.run_at - clock.now()
    assert timedelta(minutes=3) < wait < timedelta(minutes=6)
    assert Event.objects.get(kind="message.deferred").properties["reason"].startswith("451 ")
    assert not Suppression.objects.exists()


def test_a_connection_cut_after_the_dot_leaves_the_message_in_doubt_and_unrepeated(wire):
    news = ListFactory()
    ada = SubscriberFactory(workspace=news.workspace, email="ada+f_drop@example.com")
    people.subscribe(ada, to=news, by=SYSTEM, confirmed=True, consent=people.Consent(source="t"))
    queue([ada], on=news)

    wire.send()
    wire.send()
    reaper.reap()
    wire.send()

    assert wire.recipients == [ada.email]
    message = Outbox.objects.in_doubt().get()
    assert Event.objects.filter(kind="message.in_doubt", message_id=message.pk).count() == 1

    assert services.resolve_in_doubt(message, as_sent=True, by=SYSTEM)
    assert not services.resolve_in_doubt(message, as_sent=True, by=SYSTEM)
    assert SendLedger.objects.get().outcome == "sent"
    assert not Outbox.objects.exists()


def queue_for_a_server_that_drops():
    news = ListFactory()
    ada = SubscriberFactory(workspace=news.workspace, email="ada+f_drop@example.com")
    people.subscribe(ada, to=news, by=SYSTEM, confirmed=True, consent=people.Consent(source="t"))
    queue([ada], on=news)


def after_patience():
    Outbox.objects.update(wire_at=clock.now() - reaper.PATIENCE)
    reaper.reap()


def test_a_transactional_message_in_doubt_is_sent_once_more_by_itself(wire):
    queue_for_a_server_that_drops()
    Outbox.objects.update(message_class="transactional")
    wire.send()
    reaper.reap()
    assert Outbox.objects.in_doubt().count() == 1  # its connection could still hold it

    after_patience()
    assert not Outbox.objects.in_doubt().exists()
    wire.send()
    after_patience()
    wire.send()

    assert Outbox.objects.in_doubt().count() == 1  # the second doubt is for a person to resolve
    first, second = wire.journal
    assert first["message_id"] == second["message_id"]
    assert Event.objects.filter(kind="message.repeated").count() == 1


def test_marketing_in_doubt_waits_for_a_person(wire):
    queue_for_a_server_that_drops()
    wire.send()

    after_patience()
    wire.send()

    assert Outbox.objects.in_doubt().count() == 1
    assert len(wire.journal) == 1


def test_a_doubtful_message_can_be_sent_again_under_the_same_message_id(wire):
    news = ListFactory()
    ada = SubscriberFactory(workspace=news.workspace, email="ada+f_drop@example.com")
    people.subscribe(ada, to=news, by=SYSTEM, confirmed=True, consent=people.Consent(source="t"))
    queue([ada], on=news)
    wire.send()

    services.resolve_in_doubt(Outbox.objects.get(), as_sent=False, by=SYSTEM)
    wire.send()

    first, second = wire.journal
    assert first["message_id"] == second["message_id"]
    assert first["sha256"] == second["sha256"]


def test_a_template_that_cannot_be_rendered_fails_its_own_message_only(wire):
    news = ListFactory()
    ada, bob = make_audience(2, on=news)
    endless = "{% for i in (1..900) %}{% for j in (1..900) %}x{% endfor %}{% endfor %}"
    queue([ada], on=news, text=endless)
    queue([bob], on=news, source_id=2)

    wire.send(seconds=1)

    assert wire.recipients == [bob.email]
    failed = SendLedger.objects.get(subscriber=ada)
    assert failed.outcome == "failed"
    assert failed.reason.startswith("render: ")


def test_two_pumps_send_each_message_once(wire):
    news = ListFactory()
    audience = make_audience(300, on=news)
    queue(audience, on=news)

    assert wire.send(pumps=2, seconds=1) == 300

    assert wire.recipients == sorted(person.email for person in audience)
    assert SendLedger.objects.filter(outcome="sent").count() == 300


@pytest.mark.parametrize(
    ("people", "latency", "largest"),
    [(400, 0, {engine.MICRO_BATCH}), pytest.param(60, 0.2, {2, 3, 4}, marks=pytest.mark.slow)],
)
def test_a_wire_marks_what_it_hands_over_in_a_second(wire, taken, people, latency, largest):
    """So a slow server leaves less in doubt, and a fast one never more than a micro-batch."""
    news = ListFactory()
    queue(make_audience(people, on=news), on=news)

    assert wire.send(seconds=2, latency=latency) == people

    assert max(taken) in largest


def test_a_big_source_does_not_keep_a_small_one_waiting():
    news = ListFactory()
    audience = make_audience(1000, on=news)
    queue(audience[:999], on=news)
    (small,) = queue(audience[999:], on=news, source_id=2, kind="sequence")

    claimed = _claim()

    assert small.pk in claimed
    assert len(claimed) < 400


def test_messages_of_a_held_source_are_not_claimed():
    news = ListFactory()
    queue(make_audience(3, on=news), on=news)
    services.hold(kind="campaign", source_id=1)

    assert _claim() == []


def test_the_reaper_returns_unmarked_rows_and_doubts_marked_ones(wire):
    news = ListFactory()
    queue(make_audience(2, on=news), on=news)
    due, marked = Outbox.objects.order_by("id")
    token = _lease_of_a_dead_pump()
    Outbox.objects.update(lease_token=token, attempts=1)
    Outbox.objects.filter(pk=marked.pk).update(wire_at=clock.now())

    assert reaper.reap() == 2
    assert reaper.reap() == 0

    assert Outbox.objects.get(pk=due.pk).lease_token is None
    doubtful = Outbox.objects.in_doubt().get()
    assert (doubtful.pk, doubtful.lease_token) == (marked.pk, token)
    wire.send()
    assert wire.recipients == [due.subscriber.email]


def test_what_several_pumps_died_of_comes_back_one_by_one_and_fails_in_the_end():
    news = ListFactory()
    queue(make_audience(30, on=news), on=news)
    deadly, *others = Outbox.objects.order_by("id").values_list("pk", flat=True)
    died = clock.now()
    Outbox.objects.update(lease_token=_lease_of_a_dead_pump(), attempts=3)

    reaper.reap()

    times = {*Outbox.objects.filter(lease_token=None).values_list("run_at", flat=True)}
    assert len(times) == 30
    assert died < min(times) < max(times) < died + timedelta(seconds=150)

    Outbox.objects.filter(pk=deadly).update(lease_token=_lease_of_a_dead_pump(), attempts=11)
    reaper.reap()

    failed = SendLedger.objects.get()
    assert (failed.pk, failed.outcome, failed.reason) == (deadly, "failed", "its pumps died")
    assert [*Outbox.objects.order_by("id").values_list("pk", flat=True)] == others


def test_a_reply_that_comes_late_settles_the_doubt():
    news = ListFactory()
    queue(make_audience(1, on=news), on=news)
    token = _lease_of_a_dead_pump()
    Outbox.objects.update(lease_token=token, wire_at=clock.now())
    reaper.reap()
    row = Outbox.objects.in_doubt().get()

    services.finish([(row.pk, "sent", "", "250 OK")], token=token)

    assert SendLedger.objects.get().outcome == "sent"
    reaper.reap()
    assert not Lease.objects.exists()


def test_a_pump_without_its_token_changes_nothing():
    news = ListFactory()
    queue(make_audience(1, on=news), on=news)
    Outbox.objects.update(lease_token=_lease_of_a_dead_pump(), wire_at=clock.now())
    row = Outbox.objects.get()

    services.finish([(row.pk, "sent", "", "250 OK")], token=_lease_of_a_dead_pump())

    assert Outbox.objects.filter(pk=row.pk).exists()
    assert not SendLedger.objects.exists()


def test_a_pump_that_is_told_to_stop_gives_back_what_it_holds():
    news = ListFactory()
    queue(make_audience(50, on=news), on=news)
    refusing = Server(host="127.0.0.1", port=1, helo="test.example")
    asked = []

    def stopping():
        asked.append(True)
        return len(asked) > 1

    asyncio.run(engine.pump(refusing, seconds=20, stopping=stopping))

    rows = Outbox.objects.all()
    assert {(row.lease_token, row.wire_at, row.attempts) for row in rows} == {(None, None, 0)}
    reaper.reap()
    assert not Lease.objects.exists()


def test_a_pump_that_loses_the_database_gives_back_what_it_holds(wire, before_mark):
    news = ListFactory()
    queue(make_audience(60, on=news), on=news)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (ours,) = cursor.fetchone()

    def end_the_sessions():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid NOT IN (%s, pg_backend_pid())",
                [ours],
            )

    before_mark(end_the_sessions)
    began = time.monotonic()
    first = wire.send(seconds=30)

    assert time.monotonic() - began < 15  # it does not sit on them for the rest of its time
    rows = Outbox.objects.all()
    assert first + rows.count() == 60
    assert set(rows.values_list("lease_token", "wire_at", "doubt_at")) == {(None, None, None)}
    assert first + wire.send() == len(wire.journal) == 60


def test_cancelled_messages_end_in_the_ledger():
    news = ListFactory()
    ada, bob = make_audience(2, on=news)
    queue([ada, bob], on=news)

    services.cancel(kind="campaign", source_id=1, subscriber_ids=[ada.pk])
    reaper.reap()

    message = SendLedger.objects.get()
    assert (message.subscriber_id, message.outcome, message.reason) == (
        ada.pk,
        "skipped",
        "cancelled",
    )
    assert Outbox.objects.get().subscriber_id == bob.pk
    assert Event.objects.get(kind="message.skipped").properties["reason"] == "cancelled"


def test_a_field_that_is_empty_is_not_there(wire):
    news = ListFactory()
    nameless, ada = make_audience(2, on=news)
    people.upsert(
        news.workspace,
        email=ada.email,
        by=SYSTEM,
        first_name="Ada",
        last_name="L",
        fields={"boat": "Nixe"},
    )
    empty = {"first_name": "", "last_name": "", "fields": {"boat": ""}}
    people.upsert(news.workspace, email=nameless.email, by=SYSTEM, **empty)
    subject = (
        "{% if subscriber.first_name %}Hi {{ subscriber.first_name }}{% else %}Hi{% endif %}"
        "{% if subscriber.boat != blank %}, {{ subscriber.boat }}{% endif %}"
        "{% if subscriber.last_name == '' %}{% else %}!{% endif %}"
    )
    queue([ada, nameless], on=news, template__subject=subject)

    wire.send()

    mails = [message_from_bytes(mail, policy=policy.default) for mail in wire.mails]
    assert {mail["To"].addresses[0].addr_spec: mail["Subject"] for mail in mails} == {
        ada.email: "Hi Ada, Nixe!",
        nameless.email: "Hi",
    }


def _claim() -> list[int]:
    """What a pump claims at first."""

    async def claim():
        nowhere = Server(host="127.0.0.1", port=1, helo="test.example")
        transports = await in_thread(engine.carriers.load, nowhere)
        async with pool_of(2) as pool:
            return await engine._Pump(transports, pool)._claim()

    return [row.id for row in asyncio.run(claim())]


def _lease_of_a_dead_pump():
    past = clock.now() - timedelta(minutes=1)
    return Lease.objects.create(token=uuid.uuid4(), worker="dead", until=past).token
