"""A suite that cannot turn red proves nothing: here it has to, each time."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
import time

import pytest

from delivery.engine import MICRO_BATCH, WIRES
from delivery.models import Outbox, SendLedger
from tests.faults import books
from tests.faults.test_people import leave_while_it_is_sent
from tests.faults.verdict import verify

full = pytest.mark.faults(group="full")


@full
@pytest.mark.parametrize(
    ("name", "tests"),
    [
        ("no-wire-mark", "delivery/tests/test_engine.py"),
        ("no-token", "delivery/tests/test_engine.py"),
        ("no-look", "delivery/tests/test_engine.py"),
        ("no-unique-key", "delivery/tests/test_queue.py"),
        ("no-horizon", "subscribers/tests/test_feed.py"),
    ],
)
def test_without_a_safeguard_its_tests_turn_red(lab, name, tests):
    code, said = run_tests(tests, SABOTAGE=name)
    lab.note(removed=name, tests=tests, said=said[-1:])
    assert code == 1, "nobody has noticed"


def run_tests(path, **environment):
    """The exit code of pytest and what it said; 1 is: some tests have failed."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.faults.sabotage", "-p"]
    command += ["no:cacheprovider", "-n0", "--no-cov", "-q", "-x", path]
    environment = {**os.environ, **environment, "DATABASE_URL": "", "REDIS_URL": ""}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout.strip().splitlines()


@full
def test_without_the_wire_mark_a_kill_doubles(lab):
    with lab.rig(sabotage="no-wire-mark") as rig:
        campaign = kill_some(rig, lab)
        with pytest.raises(AssertionError, match=r"I2|I3"):
            verify(lab, rig, rig.books(campaign))


@full
def test_when_settling_waits_more_is_in_doubt_than_the_bound(lab):
    with lab.rig(sabotage="late-settling", senders=1, latency=20) as rig:
        campaign = rig.send(2000)
        rig.wait_until_under_way(campaign)
        rig.wait(lambda: rig.accepted() > MICRO_BATCH * WIRES, seconds=60)
        bitten = rig.kill("sender-0")
        lab.note(bitten=bitten)
        assert bitten > MICRO_BATCH * WIRES, "nobody has noticed"


@full
def test_without_the_look_a_no_is_ignored(lab):
    with lab.rig(web=True, sabotage="no-look") as rig:
        campaign = rig.send(800)
        rig.wait_until_under_way(campaign)
        told = leave_while_it_is_sent(rig, campaign, lab, most=400)
        rig.settle(campaign)
        with pytest.raises(AssertionError, match="I4"):
            verify(lab, rig, rig.books(campaign, told=told))


@full
def test_a_planted_loss_is_found(lab):
    with lab.rig() as rig:
        campaign = rig.send(400)
        rig.wait_until_under_way(campaign)
        lost = Outbox.objects.filter(**campaign.source, lease_token=None).order_by("-id")[:1]
        assert Outbox.objects.filter(pk__in=[row.pk for row in lost]).delete()[0] == 1
        rig.settle(campaign)
        with pytest.raises(AssertionError, match="I1"):
            verify(lab, rig, rig.books(campaign))


@full
def test_a_planted_duplicate_is_found(lab):
    with lab.rig(keep=lab.folder / "kept") as rig:
        campaign = rig.send(200)
        rig.settle(campaign)
        arrived = books.read(rig.journal)[0]
        message = (lab.folder / "kept" / "1.eml").read_bytes()
        with smtplib.SMTP("127.0.0.1", rig.smtp_port) as copy:
            copy.sendmail("again@example.com", [arrived["rcpt"]], message)
        with pytest.raises(AssertionError, match="I2"):
            verify(lab, rig, rig.books(campaign))


@full
def test_a_planted_late_send_is_found(lab):
    with lab.rig() as rig:
        campaign = rig.send(200)
        rig.settle(campaign)
        (email,) = SendLedger.objects.filter(**campaign.source).values_list(
            "subscriber__email", flat=True
        )[:1]
        with pytest.raises(AssertionError, match="I4"):
            verify(lab, rig, rig.books(campaign, told={email: time.time() - 3600}))


def kill_some(rig, lab):
    campaign = rig.send(1500)
    for _ in range(4):
        rig.wait(rig.busy_senders, seconds=90)
        time.sleep(lab.chance.uniform(0.5, 1))
        victim = lab.chance.choice(rig.busy_senders() or rig.senders)
        rig.kill(victim)
        rig.start(victim)
    rig.settle(campaign)
    return campaign
