"""Brakes, budgets and failover, seen from the mail server."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from accounts.audit import SYSTEM, Actor
from delivery import engine
from delivery.models import Lane, Outbox, SendLedger, Transport
from delivery.services import transports as services
from delivery.sink import Sink
from delivery.states import Priority
from delivery.tests.factories import SenderFactory, queue
from delivery.transports.smtp import Connection
from emailseq.lib import clock
from subscribers import feed
from subscribers.models import Suppression
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]

BLOCKED = "rcpt_550_5.7.1"
OPERATOR = Actor.command("test")


@pytest.fixture(autouse=True)
def _short_rests(settings):
    settings.REST_SECONDS = 0.4


@pytest.fixture
def sinks(tmp_path, settings):
    """Two more mail servers; their ports are known, and workspaces may use them."""

    def make(number):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return Sink(journal=tmp_path / f"{number}.jsonl", port=free.getsockname()[1])

    made = [make(number) for number in range(2)]
    settings.TRANSPORT_ALLOWED_HOSTS = [f"127.0.0.1:{sink.port}" for sink in made]
    return made


def transport_to(sink, workspace, **options):
    return services.create_transport(
        workspace,
        name="Own",
        host="127.0.0.1",
        port=sink.port,
        tls="none",
        by=OPERATOR,
        **options,
    )


def arrived(sink):
    path = sink._journal_path
    return path.read_text().count('"code": 250') if path.exists() else 0


def whole():
    return Lane.objects.get(domain_group="")


def lane():
    return Lane.objects.exclude(domain_group="").get()


def uncharged():
    states = Outbox.objects.values_list("attempts", "lease_token", "wire_at")
    return set(states) == {(0, None, None)}


@pytest.mark.slow
def test_a_server_that_turns_us_away_is_left_alone_and_nobody_is_charged(wire):
    news = ListFactory()
    audience = make_audience(10, on=news)
    queue(audience, on=news)

    assert wire.send(seconds=1.5, greeting="421 4.3.2 Closed for lunch") == 0

    assert wire.visits < 12  # and not hundreds
    assert (whole().state, whole().reason) == ("resting", "421 4.3.2 Closed for lunch")
    assert uncharged()

    assert wire.send(seconds=4) == 10
    assert (whole().state, lane().state) == ("open", "open")
    assert set(SendLedger.objects.values_list("outcome", "attempts")) == {("sent", 1)}


def test_a_blocklist_pauses_the_lane_and_suppresses_nobody(wire):
    news = ListFactory()
    queue(make_audience(600, on=news), on=news)

    assert wire.send(seconds=1.5, everyone=BLOCKED) == 0
    feed.run("bounces")

    failed = SendLedger.objects.filter(outcome="failed").count()
    assert 10 <= failed <= 50 + engine.WIRES * engine.MICRO_BATCH
    assert Outbox.objects.count() == 600 - failed
    assert uncharged()
    assert not Suppression.objects.exists()
    assert (lane().state, lane().reason) == ("paused", "550 5.7.1 As told")
    assert whole().state == "open"

    assert wire.send(seconds=1) == 0  # it waits for a person
    assert services.release_lane(lane(), by=OPERATOR)
    assert not services.release_lane(lane(), by=OPERATOR)
    assert wire.send(seconds=1.5) == 600 - failed


@pytest.mark.slow
def test_a_refused_password_pauses_the_transport_after_three_tries(wire):
    news = ListFactory()
    queue(make_audience(40, on=news), on=news)
    mood = {"auth": "535 5.7.8 Wrong password", "login": ("ada", "secret")}

    wire.send(seconds=3, **mood)

    assert wire.visits == 3
    assert (whole().state, whole().reason) == ("paused", "535 5.7.8 Wrong password")
    assert uncharged()
    assert not SendLedger.objects.exists()

    wire.send(seconds=0.5, **mood)
    assert wire.visits == 0
    assert services.resume_transport(whole().transport, by=OPERATOR)
    assert wire.send(seconds=1.5, auth="235 2.7.0 Welcome", login=("ada", "secret")) == 40


def test_greylisting_is_nobodys_fault_and_ends_with_the_second_try(wire):
    news = ListFactory()
    audience = make_audience(30, on=news)
    queue(audience, on=news)

    assert wire.send(everyone="once_451") == 0

    assert lane().state == "open"
    assert Outbox.objects.filter(attempts=1).count() == 30
    assert Outbox.objects.filter(run_at__gt=clock.now() + timedelta(minutes=3)).count() == 30
    assert wire.send() == 0
    with clock.frozen(clock.now() + timedelta(minutes=7)):
        assert wire.send() == 30
    assert wire.recipients == sorted(person.email for person in audience)


def test_a_lane_that_is_told_to_slow_down_tries_one_message_before_it_goes_on(wire):
    news = ListFactory()
    queue(make_audience(400, on=news), on=news)

    wire.send(seconds=0.3, everyone="rcpt_451_4.7.28")
    refused = len(wire.decisions)
    assert (lane().state, lane().reason) == ("resting", "451 4.7.28 As told")
    wire.send(seconds=0.6, everyone="rcpt_451_4.7.28")

    assert len(wire.decisions) == refused + 1
    assert (lane().state, lane().rest_count) == ("resting", 2)
    assert uncharged()
    assert not SendLedger.objects.exists()


@pytest.mark.slow
def test_another_transport_takes_over_and_gives_back(wire, sinks):
    news = ListFactory()
    queue(make_audience(100, on=news), on=news)
    first, spare = sinks
    preferred = transport_to(first, news.workspace, preference=1)
    transport_to(spare, news.workspace, preference=2)
    first.greeting = "421 4.3.2 Down"

    assert wire.send(seconds=1.5, others=sinks) == 100
    assert (arrived(first), arrived(spare)) == (0, 100)
    assert Lane.objects.get(transport=preferred, domain_group="").state in ("resting", "probing")

    first.greeting = "220 Back"
    queue(make_audience(40, on=news), on=news, source_id=2)
    assert wire.send(seconds=3, others=sinks) == 40
    assert arrived(first) >= 1  # it was tried, and found to be well
    before = arrived(spare)
    queue(make_audience(5, on=news), on=news, source_id=3)
    assert wire.send(seconds=1.5, others=sinks) == 5
    assert arrived(spare) == before
    carried = SendLedger.objects.filter(source_id=3).values_list("transport", flat=True)
    assert set(carried) == {preferred.pk}
    assert wire.journal == []  # the shared one is not for a workspace with its own


@pytest.mark.slow
def test_two_pumps_share_one_rate(wire):
    news = ListFactory()
    queue(make_audience(300, on=news), on=news)
    services.update_transport(services.shared_transport(), rate=20.0, by=OPERATOR)

    sent = wire.send(pumps=2, seconds=3)

    times = [entry["at"] for entry in wire.journal]
    assert sent == len(times)
    assert 40 <= sent <= 20 * (times[-1] - times[0]) + 20 + 1
    assert uncharged()


@pytest.mark.slow
def test_two_pumps_share_the_connections(wire):
    news = ListFactory()
    queue(make_audience(300, on=news), on=news)
    services.update_transport(services.shared_transport(), max_connections=3, by=OPERATOR)

    assert wire.send(pumps=2, seconds=4, latency=0.02, most=3) == 300

    assert whole().recent.strip(".") == ""


@pytest.mark.slow
def test_fewer_connections_are_made_where_only_some_are_let_in(wire, settings):
    settings.REST_SECONDS = 30
    news = ListFactory()
    queue(make_audience(200, on=news), on=news)

    assert wire.send(seconds=2.5, latency=0.02, most=4) == 200

    assert (whole().state, whole().connections) == ("open", 4)
    assert set(SendLedger.objects.values_list("attempts", flat=True)) == {1}


def test_a_warm_up_holds_and_the_rest_waits_for_tomorrow(wire):
    news = ListFactory()
    queue(make_audience(120, on=news), on=news)
    services.update_transport(services.shared_transport(), warm_up=True, by=OPERATOR)

    assert wire.send(pumps=2, seconds=1) == 50
    assert wire.send() == 0
    assert Outbox.objects.count() == 70
    assert uncharged()
    with clock.frozen(clock.now() + timedelta(days=1)):
        assert wire.send(seconds=1) == 70
    assert (lane().warm_day, lane().day_count) == (1, 70)


def test_a_daily_limit_counts_only_what_has_left(wire):
    news = ListFactory()
    audience = make_audience(30, on=news)
    queue(audience, on=news)
    Suppression.objects.bulk_create(
        Suppression(
            workspace=news.workspace,
            address_key=person.address_key,
            reason="manual",
        )
        for person in audience[:10]
    )
    services.update_transport(services.shared_transport(), daily=20, by=OPERATOR)

    assert wire.send(seconds=1.5) == 20
    assert SendLedger.objects.filter(outcome="skipped").count() == 10


@pytest.mark.slow
def test_what_is_urgent_goes_first_where_there_is_little_room(wire):
    news = ListFactory()
    people = make_audience(64, on=news)
    queue(people[:40], on=news)
    queue(people[40:60], on=news, source_id=2, kind="sequence", priority=Priority.SEQUENCE)
    urgent = people[60:]
    queue(urgent, on=news, source_id=3, kind="sequence", priority=Priority.TRANSACTIONAL)
    services.update_transport(services.shared_transport(), rate=10.0, by=OPERATOR)

    wire.send(seconds=3)

    order = [entry["rcpt"] for entry in wire.journal]
    campaign = {person.email for person in people[:40]}
    sequence = {person.email for person in people[40:60]}
    assert max(order.index(person.email) for person in urgent) < 12
    assert len(order) < 64
    early = order[: len(urgent) + 12]
    assert sum(to in sequence for to in early) > sum(to in campaign for to in early) > 0


def test_a_senders_own_transport_carries_its_messages_alone(wire, sinks):
    news = ListFactory()
    own = transport_to(sinks[0], news.workspace, preference=9)
    transport_to(sinks[1], news.workspace, preference=1)
    sender = SenderFactory(workspace=news.workspace)
    services.choose_transport(sender, transport=own, by=SYSTEM)
    queue(make_audience(5, on=news), on=news, sender=sender)
    queue(make_audience(4, on=news), on=news, source_id=2)
    other = ListFactory()
    queue(make_audience(3, on=other), on=other, source_id=3)

    wire.send(seconds=1, others=sinks)

    assert (arrived(sinks[0]), arrived(sinks[1]), len(wire.journal)) == (5, 4, 3)


def test_a_refusal_by_everybody_pauses_the_transport(wire):
    """Spread so thin that no lane is refused often enough to close."""
    news = ListFactory()
    queue(make_audience(800, on=news), on=news)
    for number, row in enumerate(Outbox.objects.order_by("id")):
        Outbox.objects.filter(pk=row.pk).update(domain_group=f"group-{number % 100}")

    assert wire.send(seconds=1.5, everyone=BLOCKED) == 0

    assert (whole().state, whole().reason) == ("paused", "550 5.7.1 As told")
    assert SendLedger.objects.count() <= 50 + engine.WIRES * engine.MICRO_BATCH
    assert not Lane.objects.exclude(domain_group="").exclude(state="open").exists()


@pytest.mark.slow
def test_domains_that_hang_do_not_stop_the_others(wire, monkeypatch):
    monkeypatch.setitem(Connection.send.__kwdefaults__, "deadline", 3)
    news = ListFactory()
    hanging = make_audience(100, on=news)
    fine = make_audience(300, on=news)
    for person in hanging:
        person.email = person.email.replace("@", "+f_rcpt_hang@")
        person.save(update_fields=["email"])
    queue(hanging, on=news)
    queue(fine, on=news, source_id=2)
    Outbox.objects.filter(source_id=1).update(domain_group="gmx")

    assert wire.send(seconds=2) == 300

    times = [entry["at"] for entry in wire.journal]
    assert times[-1] - times[0] < 2
    assert Outbox.objects.filter(source_id=1).count() == 100
    assert uncharged()


def test_a_transport_that_is_paused_sends_nothing_until_it_is_resumed(wire):
    news = ListFactory()
    queue(make_audience(5, on=news), on=news)
    shared = services.shared_transport()

    assert services.pause_transport(shared, by=OPERATOR)
    assert not services.pause_transport(shared, by=OPERATOR)
    assert wire.send() == 0
    assert (wire.visits, whole().reason) == (0, "paused by manage.py test")

    assert services.resume_transport(shared, by=OPERATOR)
    assert wire.send() == 5


def test_there_is_one_transport_that_all_share():
    assert services.shared_transport() == services.shared_transport()
    assert Transport.objects.filter(workspace=None).count() == 1
