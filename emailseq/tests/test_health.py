from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import DatabaseError

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from delivery import services as delivery
from delivery.models import Callback, Deployment, Lane, Lease, Outbox, SendingDomain
from delivery.services import domains, stops
from delivery.services.mailboxes import create_mailbox
from delivery.services.transports import shared_transport
from delivery.tests.factories import queue
from emailseq import health
from emailseq.celery import TICKS
from emailseq.health import Level
from emailseq.lib import clock, ids
from subscribers.models import Cursor
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = pytest.mark.django_db


@pytest.fixture
def running():
    """All ticks have just run, and a pump is alive."""
    now = clock.now()
    for task, _, _ in TICKS.values():
        if task != health.PUMP:
            cache.set(f"tick:{task}", now.timestamp())
    return Lease.objects.create(token=ids.new(), worker="host:1", until=now + timedelta(minutes=1))


def found(name):
    return next(check for check in health.checks() if check.name == name)


def test_all_is_well(running):
    assert {check.level for check in health.checks()} == {Level.HEALTHY}


def test_a_web_server_is_alive_whatever_else_is(client):
    assert client.get("/healthz").text == "ok"


def test_readyz_says_503_until_nothing_is_broken(client, running):
    assert client.get("/readyz").status_code == 200

    running.delete()
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["sender"] == {"level": "broken"}


def test_a_missing_tick_is_named(running):
    cache.delete("tick:sequences.tasks.advance")

    check = found("ticks")

    assert check.level is Level.BROKEN
    assert check.sentence == ("No recent sequences.tasks.advance: is the worker running, and beat?")


def test_the_moment_between_two_pumps_is_no_fault(running):
    running.delete()
    cache.set(f"tick:{health.PUMP}", clock.now().timestamp())

    assert found("sender").level is Level.HEALTHY

    cache.set(f"tick:{health.PUMP}", clock.now().timestamp() - 60)
    assert found("sender").level is Level.BROKEN


def test_valkey_away_is_broken_and_not_an_error(running, settings):
    nowhere = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": nowhere}

    assert found("valkey").level is Level.BROKEN


def test_the_database_away_is_the_only_check(monkeypatch):
    def refuse():
        raise DatabaseError("gone")

    monkeypatch.setattr(health, "read_pulse", refuse)

    (check,) = health.checks()
    assert (check.name, check.level) == ("database", Level.BROKEN)


def test_late_messages_degrade(running):
    news = ListFactory()
    queue(make_audience(1, on=news), on=news)
    Outbox.objects.update(run_at=clock.now() - timedelta(minutes=10))

    assert found("outbox").level is Level.DEGRADED


def test_messages_of_a_held_source_are_not_late(running):
    news = ListFactory()
    queue(make_audience(1, on=news), on=news)
    Outbox.objects.update(run_at=clock.now() - timedelta(minutes=10))
    delivery.hold(kind="campaign", source_id=1)

    assert found("outbox").level is Level.HEALTHY


def test_a_closed_lane_degrades_and_is_named_with_the_servers_words(running, client):
    lane = Lane.new(shared_transport(), now=clock.now())
    lane.domain_group, lane.message_class = "google", "marketing"
    lane.state, lane.reason = "paused", "550 5.7.1 blocklisted"
    lane.save()

    check = found("lanes")

    assert check.level is Level.DEGRADED
    named = "EMAIL_URL · google is paused (550 5.7.1 blocklisted). See Delivery > Lanes."
    assert check.sentence == named
    metrics = client.get("/metrics").text
    assert 'emailseq_delivery_lanes{state="paused"} 1.0' in metrics
    assert 'emailseq_delivery_lanes{state="open"} 0.0' in metrics


def test_doubt_degrades(running):
    news = ListFactory()
    queue(make_audience(1, on=news), on=news)
    Outbox.objects.update(doubt_at=clock.now(), wire_at=clock.now(), lease_token=running.token)

    check = found("in doubt")

    assert check.level is Level.DEGRADED
    assert "1" in check.sentence


def test_a_parked_consumer_names_its_event(running):
    Cursor.objects.create(
        name="rollups", parked_event_id=7, parked_at=clock.now(), parked_reason="…\nKeyError: 'x'"
    )

    check = found("consumer rollups")

    assert check.level is Level.BROKEN
    assert check.sentence == "Cannot handle event 7, and waits: KeyError: 'x'"


@pytest.mark.parametrize(("broken", "code"), [(False, 0), (True, 2)])
def test_doctor_exits_with_the_worst_level(running, broken, code):
    if broken:
        running.delete()
    out = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=out)

    assert ended.value.code == code
    answer = json.loads(out.getvalue())
    assert answer["level"] == ("broken" if broken else "healthy")
    assert {check["name"] for check in answer["checks"]} >= {"database", "migrations", "sender"}


def test_doctor_speaks_to_people(running, capsys):
    with pytest.raises(SystemExit):
        call_command("doctor")

    assert "The schema is up to date." in capsys.readouterr().out


def test_metrics_count_from_rows(client, running):
    news = ListFactory()
    queue(make_audience(3, on=news), on=news)

    text = client.get("/metrics").text

    assert "emailseq_delivery_outbox_depth_messages 3.0" in text
    assert "emailseq_delivery_sent_messages_total 0.0" in text
    assert 'emailseq_tick_age_seconds{tick="sequences.tasks.advance"}' in text


def test_metrics_take_a_token_when_there_is_one(client, settings, running):
    settings.METRICS_TOKEN = "s3cret"

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer nope"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_a_domain_that_lost_a_record_is_told(running):
    domain = domains.create_domain(WorkspaceFactory(), name="harbour.example", by=SYSTEM)
    assert found("domains").level == Level.HEALTHY

    SendingDomain.objects.filter(pk=domain.pk).update(state="failing")

    check = found("domains")
    assert (check.level, "lost a record: 1." in check.sentence) == (Level.DEGRADED, True)
    assert "harbour.example" not in check.sentence


def test_a_pause_and_a_fence_are_named(running):
    stops.pause_sending(reason="DNS move", by=SYSTEM)
    assert found("sending").sentence == "Paused for everybody: DNS move"

    Deployment.objects.create(system_identifier=42)
    assert found("sending").level is Level.DEGRADED
    assert found("sending").sentence.endswith("Nothing leaves until `manage.py release_fence`.")


def test_what_cannot_be_read_is_told(running):
    mailbox = create_mailbox(
        WorkspaceFactory(), name="Bounces", host="mx.example", username="b", password="p", by=SYSTEM
    )
    type(mailbox).objects.update(failing_since=clock.now(), fault="AUTHENTICATIONFAILED")

    check = found("coming back")
    assert check.level == Level.DEGRADED
    assert check.sentence == "Mailboxes that cannot be read: Bounces (AUTHENTICATIONFAILED)."

    type(mailbox).objects.update(failing_since=None)
    assert found("coming back").level == Level.HEALTHY
    Callback.objects.create(form="mail", origin="t", sha256=b"x", body=b"x", due_at=None)
    assert "Callbacks kept aside: 1" in found("coming back").sentence
