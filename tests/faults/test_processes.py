"""Processes that die, are asked to go, or are there too often."""

from __future__ import annotations

import os
import signal
import time

import pytest
from django.core.management import call_command

from delivery.engine import MICRO_BATCH, WIRES
from delivery.models import Outbox
from tests.faults.verdict import verify

ci = pytest.mark.faults(group="ci")
nightly = pytest.mark.faults(group="nightly")


@ci
def test_f01_senders_killed_at_random_lose_nothing_and_repeat_nothing(lab):
    size = lab.size(ci=2000, nightly=10_000, full=50_000)
    kills = 8 if size <= 2000 else 20
    others = {3: "worker", 6: "beat-0"}  # killed once each, with the sender of that turn
    with lab.rig(senders=4 if size >= 50_000 else 2) as rig:
        campaign, bitten, recoveries = rig.send(size), [], []
        for turn in range(kills):
            rig.wait(rig.busy_senders, seconds=90)
            time.sleep(lab.chance.uniform(0, 1))
            victim = lab.chance.choice(rig.busy_senders() or rig.senders)
            bitten.append(rig.kill(victim))
            if other := others.get(turn):
                rig.kill(other)
                rig.start(other)
            rig.start(victim)
            if not rig.is_settled(campaign):
                recoveries.append(rig.recovery())
        rig.settle(campaign, seconds=60 + size / 50)

        counts = rig.books(campaign)
        lab.note(kills=kills, bitten=bitten, recovery_seconds=round(max(recoveries), 1))
        verify(lab, rig, counts)
        assert sum(map(bool, bitten)) >= kills // 2, "the kills did not meet messages on the wire"
        assert counts.owed == counts.sent + counts.in_doubt == size
        assert counts.in_doubt <= kills * WIRES, "more than one message a connection was in doubt"
        assert max(recoveries) <= 60

        call_command("in_doubt", "resend", "--all")  # a person decides
        rig.settle(campaign)
        after = rig.books(campaign)
        lab.note(resent={"sent": after.sent, "arrived": after.arrived, "extra": after.extra})
        assert after.owed == after.sent == after.arrived == size
        assert (after.in_doubt, after.differ) == (0, 0)
        assert after.extra == counts.in_doubt_arrived, "more was repeated than had to be"
        assert rig.disagreements() == []


@nightly
def test_f02_everything_killed_at_once_and_started_again(lab):
    size = lab.size(ci=1000)
    with lab.rig() as rig:
        campaign, bitten, recoveries = rig.send(size), [], []
        rig.wait_until_under_way(campaign)
        for _ in range(10):
            if rig.is_settled(campaign):
                break
            rig.wait(rig.busy_senders, seconds=90)
            bitten += [rig.kill(sender) for sender in rig.senders]
            for name in ("worker", "beat-0"):
                rig.kill(name)
            rig.start(*rig.senders, "worker", "beat-0")
            recoveries.append(rig.recovery())
        rig.settle(campaign, seconds=60 + size / 50)

        counts = rig.books(campaign)
        lab.note(bitten=bitten, recovery_seconds=round(max(recoveries), 1))
        verify(lab, rig, counts)
        assert sum(map(bool, bitten)) >= 3
        assert counts.owed == counts.sent + counts.in_doubt == size
        assert counts.in_doubt <= len(bitten) * WIRES


@ci
def test_f03_senders_that_are_asked_to_stop_leave_no_doubt(lab):
    with lab.rig() as rig:
        campaign, drains = rig.send(lab.size()), []
        for victim in rig.senders:
            rig.wait(rig.held_by(victim).exclude(wire_at=None).exists, seconds=90)
            drains.append(rig.terminate(victim))
            rig.start(victim)
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(drain_seconds=[round(drain, 1) for drain in drains])
        verify(lab, rig, counts)
        assert counts.owed == counts.sent == counts.arrived
        assert counts.in_doubt == 0
        assert max(drains) <= 30


@nightly
def test_a_sender_that_sleeps_through_its_lease_does_no_harm_when_it_wakes(lab):
    with lab.rig() as rig:
        campaign, slept = rig.send(lab.size(ci=1500)), []
        for sleeper in rig.senders:
            rig.wait(rig.held_by(sleeper).exclude(wire_at=None).exists, seconds=90)
            with rig.asleep(sleeper):
                slept.append(rig.held_by(sleeper).count())
                rig.wait(lambda name=sleeper: not rig.held_by(name).exists(), seconds=60)
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(held=slept)
        verify(lab, rig, counts, expected={"LeaseLost"})
        assert min(slept) > 0
        assert counts.owed == counts.sent + counts.in_doubt
        assert counts.in_doubt <= len(slept) * MICRO_BATCH * WIRES


@ci
def test_f05_a_pool_child_that_dies_takes_nobody_along(lab):
    with lab.rig() as rig:
        campaign, killed = rig.send(lab.size(ci=1000)), 0
        rig.wait_until_under_way(campaign)  # a worker whose child dies while it starts gives up
        until = time.monotonic() + 120
        while not rig.is_settled(campaign) and time.monotonic() < until:
            for child in rig.pool_children("worker")[:1]:
                os.kill(child, signal.SIGKILL)
                killed += 1
            time.sleep(1.5)
            rig.revive()  # as a supervisor does
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(killed=killed)
        verify(lab, rig, counts, expected={"WorkerLostError"})
        assert killed >= 2, "it was over before a child was killed"
        assert counts.owed == counts.sent == counts.arrived
        assert not Outbox.objects.exists()
