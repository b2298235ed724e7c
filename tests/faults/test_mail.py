"""Mail servers that refuse, forget, fall silent and crawl."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.core.management import call_command

from accounts.audit import SYSTEM
from campaigns import copies, services
from delivery.engine import MICRO_BATCH, WIRES
from delivery.models import Lane, Outbox, SendLedger
from delivery.settlement import LAST_TRY
from delivery.states import LaneState
from emailseq.lib import clock
from subscribers.models import Suppression
from tests.faults import books
from tests.faults.verdict import verify

ci = pytest.mark.faults(group="ci")
nightly = pytest.mark.faults(group="nightly")

WIRED = WIRES * MICRO_BATCH  # what one sender can have under way


def waits_for_later(campaign):
    """Whether all that is left of a campaign has been told to come again later."""
    left, soon = Outbox.objects.filter(**campaign.source), clock.now() + timedelta(seconds=90)
    campaign.refresh_from_db()
    return campaign.filled_at and not left.exclude(run_at__gt=soon, lease_token=None).exists()


def let_the_schedule_come(campaign):
    """Hours pass: what was put off is due."""
    Outbox.objects.filter(**campaign.source).update(run_at=clock.now())


@nightly
def test_f16_a_server_that_turns_everybody_away_charges_nobody(lab):
    with lab.rig(greeting="421 4.3.2 Closed", environment={"EMAILSEQ_REST_SECONDS": "1"}) as rig:
        campaign = rig.send(lab.size(nightly=2000))
        rig.wait(Lane.objects.filter(state=LaneState.RESTING).exists, seconds=90)
        time.sleep(10)
        tried, arrived = Outbox.objects.filter(attempts__gt=1).count(), rig.accepted()
        rig.sink(latency=100)
        recovery = rig.recovery()
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(recovery_seconds=round(recovery, 1))
        verify(lab, rig, counts)
        assert (tried, arrived) == (0, 0)
        assert counts.owed == counts.sent == counts.arrived
        assert set(SendLedger.objects.values_list("attempts", flat=True)) == {1}


@nightly
def test_f17_greylisting_ends_with_the_second_try(lab):
    with lab.rig(everyone="once_451") as rig:
        campaign = rig.send(lab.size(nightly=1000))
        rig.wait(lambda: waits_for_later(campaign), seconds=120)
        waits = put_off_by(campaign)
        let_the_schedule_come(campaign)
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(shortest_wait=min(waits), longest_wait=max(waits))
        verify(lab, rig, counts)
        assert counts.owed == counts.sent == counts.arrived == len(waits)
        assert set(SendLedger.objects.values_list("attempts", flat=True)) == {2}
        assert min(waits) >= 0.8 * 300 - 60  # the oldest was refused a minute ago at most


@ci
def test_the_rest_after_an_outage_is_exactly_who_had_not_got_it(lab):
    size = lab.size(ci=2000, full=100_000)
    with lab.rig() as rig:
        campaign = rig.send(size)
        rig.wait(lambda: rig.accepted() > size // 3, seconds=60 + size / 25)
        begin_an_outage(rig, campaign)
        rig.wait(lambda: waits_for_later(campaign), seconds=60 + size / 25)
        days_pass(campaign)
        rig.settle(campaign, seconds=60 + size / 25)
        rig.wait(lambda: has_ended(campaign), seconds=30)
        rig.sink(latency=100)
        missing = rig.books(campaign)
        rest = copies.finish_rest(campaign, by=SYSTEM)
        rig.settle(rest, seconds=60 + size / 25)
        rig.wait(lambda: has_ended(rest), seconds=30)

        failed, counts = sum(missing.failed.values()), rig.books(rest)
        got = Counter(line["rcpt"] for line in books.read(rig.journal) if line["code"] == 250)
        lab.note(of=size, sent_before=missing.sent)
        verify(lab, rig, counts)
        assert missing.owed == size == missing.sent + failed
        assert missing.sent >= size // 3
        assert failed > 0
        assert (counts.owed, rest.recipient_count, counts.sent) == (failed,) * 3
        assert (len(got), set(got.values())) == (size, {1})
        assert (campaign.state, rest.state) == ("sent", "sent")


def begin_an_outage(rig, campaign):
    """The server says “later” to everybody from some message on."""
    services.pause(campaign, by=SYSTEM)
    left = Outbox.objects.filter(**campaign.source)
    rig.wait(lambda: not left.exclude(wire_at=None).exists(), seconds=60)
    rig.sink(everyone="rcpt_451")
    services.resume(campaign, by=SYSTEM)


def days_pass(campaign):
    """It has lasted until every message has its last try before it."""
    left = Outbox.objects.filter(**campaign.source)
    left.update(attempts=LAST_TRY - 1, run_at=clock.now())


def has_ended(campaign):
    campaign.refresh_from_db()
    return campaign.state == "sent"


@nightly
def test_f18_who_is_put_off_comes_again_and_not_all_at_once(lab):
    with lab.rig() as rig:
        campaign = rig.send(lab.size(nightly=1000), tags={"once_451": 0.15, "once_450": 0.15})
        rig.wait(lambda: rig.accepted() and waits_for_later(campaign), seconds=120)
        waits = put_off_by(campaign)
        let_the_schedule_come(campaign)
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(put_off=len(waits), spread=round(statistics.pstdev(waits), 1))
        verify(lab, rig, counts)
        assert counts.owed == counts.sent == counts.arrived
        assert len(waits) == int(0.15 * counts.owed) * 2
        assert statistics.pstdev(waits) > 15, "they come back as a herd"


def put_off_by(campaign):
    """For how many seconds from now each message has been put off."""
    now = clock.now()
    left = Outbox.objects.filter(**campaign.source)
    return [round((at - now).total_seconds()) for at in left.values_list("run_at", flat=True)]


@ci
def test_f19_whoever_does_not_exist_is_suppressed_and_nobody_else(lab):
    with lab.rig(environment={"EMAILSEQ_MAX_BOUNCES": "90"}) as rig:
        campaign = rig.send(lab.size(), tags={"rcpt_550": 0.05})
        rig.settle(campaign)
        gone = int(lab.size() * 0.05)
        rig.wait(lambda: Suppression.objects.count() >= gone, seconds=60)

        counts = rig.books(campaign)
        verify(lab, rig, counts)
        assert counts.sent == counts.arrived == counts.owed - gone
        assert sum(counts.failed.values()) == counts.suppressed == gone
        suppressed = Suppression.objects.values_list("address_key", flat=True)
        assert all("+f_rcpt_550@" in address for address in suppressed)


@ci
def test_f20_a_blocklist_suppresses_nobody_and_pauses_the_lane(lab):
    with lab.rig(everyone="rcpt_550_5.7.1") as rig:
        campaign = rig.send(lab.size(ci=1000))
        paused = Lane.objects.filter(state=LaneState.PAUSED)
        rig.wait(paused.exists, seconds=60)
        time.sleep(3)
        refused = SendLedger.objects.filter(**campaign.source, outcome="failed").count()
        time.sleep(3)

        counts = rig.books(campaign)
        lab.note(refused=refused, reason=paused.first().reason)
        verify(lab, rig, counts)
        assert (counts.sent, counts.arrived, counts.suppressed) == (0, 0, 0)
        assert sum(counts.failed.values()) == refused, "it went on after the pause"
        assert 10 <= refused <= 50 + 2 * WIRED
        assert "5.7.1" in paused.first().reason


@nightly
def test_f21_a_wrong_password_stops_the_transport_and_fails_nobody(lab):
    refused, soon = "535 5.7.8 Wrong password", {"EMAILSEQ_REST_SECONDS": "1"}
    with lab.rig(auth=refused, login="ada:secret", environment=soon) as rig:
        campaign = rig.send(lab.size(nightly=1000))
        whole = Lane.objects.filter(message_class="", domain_group="", state=LaneState.PAUSED)
        rig.wait(whole.exists, seconds=60)
        reason, failed = whole.get().reason, SendLedger.objects.count()
        rig.sink(auth="235 2.7.0 Welcome", latency=100)
        time.sleep(3)
        arrived_while_paused = rig.accepted()
        call_command("transport", "--resume")
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(reason=reason)
        verify(lab, rig, counts)
        assert (failed, arrived_while_paused) == (0, 0)
        assert counts.owed == counts.sent == counts.arrived
        assert reason == "535 5.7.8 Wrong password"
        assert set(SendLedger.objects.values_list("attempts", flat=True)) == {1}


@nightly
def test_f22_silence_ends_with_the_deadline_and_is_doubt_only_after_the_dot(lab):
    with lab.rig() as rig:
        silent = {"hang": 0.004, "rcpt_hang": 0.004}
        campaign = rig.send(lab.size(nightly=1000), tags=silent)
        most = rig.wait(lambda: rig.accepted() >= 0.9 * lab.size(nightly=1000), seconds=150)
        after_the_dot = Outbox.objects.filter(subscriber__email__contains="+f_hang@")
        others = Outbox.objects.exclude(subscriber__email__contains="hang@")
        doubted = rig.wait(lambda: all_in_doubt(after_the_dot), seconds=150)
        rig.wait(lambda: not others.exists(), seconds=120)

        counts = rig.books(campaign)
        lab.note(nine_tenths_after=round(most, 1), doubt_after=round(most + doubted, 1))
        verify(lab, rig, counts)
        silenced = int(0.004 * counts.owed)
        assert counts.arrived == counts.owed - 2 * silenced
        assert after_the_dot.count() == counts.in_doubt >= silenced
        assert not Outbox.objects.in_doubt().exclude(pk__in=after_the_dot).exists()


def all_in_doubt(rows):
    return rows.exists() and not rows.filter(doubt_at=None).exists()


@ci
def test_f23_an_answer_that_gets_lost_is_doubt_and_a_person_decides(lab):
    with lab.rig(through={"smtp"}, environment={"EMAILSEQ_REST_SECONDS": "1"}) as rig:
        campaign, line = rig.send(lab.size()), rig.proxies["smtp"]
        for _ in range(3):
            rig.recovery()
            line.cut()
            time.sleep(0.3)
            line.heal()
        rig.settle(campaign)
        counts = rig.books(campaign)
        assert (counts.missing, counts.extra, counts.unknown) == (0, 0, 0)
        held, arrived = counts.in_doubt, counts.in_doubt_arrived

        call_command("in_doubt", "resend", "--all")
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(held=held, held_arrived=arrived)
        verify(lab, rig, counts, extra=arrived)
        assert arrived > 0, "no answer was lost"
        assert held <= 3 * 2 * WIRES, "more than one message a connection was in doubt"
        assert counts.owed == counts.sent == counts.arrived


@nightly
def test_f26_a_server_that_crawls_costs_time_and_nothing_else(lab):
    with lab.rig(latency=1600) as rig:
        campaign = rig.send(lab.size(nightly=300))
        rig.settle(campaign, seconds=300)

        counts = rig.books(campaign)
        verify(lab, rig, counts)
        assert counts.owed == counts.sent == counts.arrived
        assert counts.in_doubt == 0, "a lease ended under a pump that was alive"
        first, *_, last = sorted(line["at"] for line in books.read(rig.journal))
        assert last - first > 10, "it was not slow"
