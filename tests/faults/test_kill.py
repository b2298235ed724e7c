from __future__ import annotations

import json
import random
import time

import pytest

from delivery.engine import MICRO_BATCH, WIRES
from delivery.models import Outbox
from tests.faults import rig as rigs
from tests.faults.rig import SENDERS

pytestmark = pytest.mark.faults

SEED = 20261124
SIZE, KILLS = 3000, 12


@pytest.fixture(scope="module")
def rig(tmp_path_factory, django_db_blocker):
    folder = tmp_path_factory.mktemp("rig")
    for passage in (folder, folder.parent):
        passage.chmod(0o711)  # root's servers run as somebody else
    with django_db_blocker.unblock(), rigs.running(folder) as running:
        yield running


def test_senders_killed_at_random_lose_nothing_and_repeat_nothing(rig, capsys):
    chance = random.Random(SEED)
    campaign = rig.send(SIZE)
    others = {3: "worker", 6: "beat"}  # killed once each, with the sender of that turn
    bitten = []
    for turn in range(KILLS):
        rig.wait(rig.busy_senders, seconds=30)
        time.sleep(chance.uniform(0, 1))
        victim = chance.choice(rig.busy_senders() or SENDERS)
        bitten.append(rig.kill(victim))
        if other := others.get(turn):
            rig.kill(other)
            rig.start(other)
        rig.start(victim)
    recovery = rig.wait(rig.sends(campaign), seconds=30)
    rig.settle(campaign, seconds=60)

    counts = rig.count(campaign)
    report(capsys, "kill", counts, kills=KILLS, bitten=bitten, recovery_seconds=recovery)
    assert sum(map(bool, bitten)) >= KILLS // 2, "the kills did not meet messages on the wire"
    assert counts["owed"] == counts["sent"] + counts["in_doubt"] == SIZE
    assert (counts["lost"], counts["doubled"], counts["unknown"]) == (0, 0, 0)
    assert counts["in_doubt"] <= KILLS * MICRO_BATCH * WIRES
    assert rig.disagreements() + rig.surprises() == []


def test_a_valkey_that_forgets_everything_delays_nothing_for_good(rig, capsys):
    campaign = rig.send(500)
    flushes = 0
    began = time.monotonic()
    while Outbox.objects.filter(doubt_at=None).exists() or not rig.arrivals(campaign):
        assert time.monotonic() - began < 60
        rig.valkey.flushall()
        flushes += 1
        time.sleep(2)
    seconds = rig.settle(campaign, seconds=30)

    counts = rig.count(campaign)
    report(capsys, "flush", counts, flushes=flushes, settle_seconds=seconds)
    assert flushes >= 2, "it was over before Valkey was flushed"
    assert counts["owed"] == counts["sent"] == counts["arrived"] == 500
    assert (counts["lost"], counts["doubled"], counts["in_doubt"]) == (0, 0, 0)
    assert rig.disagreements() + rig.surprises() == []


def test_senders_that_are_asked_to_stop_leave_no_doubt(rig, capsys):
    campaign = rig.send(500)
    drains = []
    for victim in SENDERS:
        rig.wait(rig.held_by(victim).exclude(wire_at=None).exists, seconds=30)
        drains.append(rig.terminate(victim))
        rig.start(victim)
    rig.settle(campaign, seconds=60)

    counts = rig.count(campaign)
    report(capsys, "stop", counts, drain_seconds=drains)
    assert counts["owed"] == counts["sent"] == counts["arrived"] == 500
    assert (counts["lost"], counts["doubled"], counts["in_doubt"]) == (0, 0, 0)
    assert max(drains) <= 30
    assert rig.disagreements() + rig.surprises() == []


def report(capsys, fault, counts, **measured):
    """One JSON object on one line, past pytest's capture."""
    with capsys.disabled():
        print("\n" + json.dumps({"fault": fault, "seed": SEED, **counts, **measured}))  # noqa: T201
