"""PostgreSQL and Valkey that restart, forget, fill up and fall silent."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest
from django.db import connection

from delivery.engine import MICRO_BATCH, WIRES
from delivery.models import Outbox, SendLedger
from subscribers.models import Event
from tests.faults.verdict import verify

ci = pytest.mark.faults(group="ci")
nightly = pytest.mark.faults(group="nightly")
full = pytest.mark.faults(group="full")

# What a lost server makes sessions raise; each is logged, and none ends more than its tick.
LOST = {
    "AdminShutdown",
    "ConnectionError",
    "ConnectionInterrupted",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "CrashShutdown",
    "CannotConnectNow",
    "IdleInTransactionSessionTimeout",
    "InterfaceError",
    "OperationalError",
    "PoolTimeout",
    "TimeoutError",
}


def session_pids(rig):
    """The sessions of the product, without that of this process."""
    found = rig.servers.sql(
        "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
        connection.settings_dict["NAME"],
        own_pid(),
    )
    return [pid for (pid,) in found]


def own_pid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@nightly
def test_f06_postgresql_crashes_and_recovers_by_itself(lab):
    crashes = 5
    with lab.rig() as rig:
        campaign, recoveries = rig.send(lab.size(ci=1500)), []
        rig.wait_until_under_way(campaign)
        for _ in range(crashes):
            if rig.is_settled(campaign):
                break
            rig.wait(lambda: session_pids(rig), seconds=90)
            os.kill(lab.chance.choice(session_pids(rig)), signal.SIGKILL)  # takes all others along
            connection.close()
            recoveries.append(rig.recovery())
            rig.wait(is_up, seconds=90)
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(crashes=len(recoveries), recovery_seconds=round(max(recoveries), 1))
        verify(lab, rig, counts, expected=LOST)
        assert len(recoveries) >= 2, "it was over before PostgreSQL crashed"
        assert counts.owed == counts.sent + counts.in_doubt
        assert counts.in_doubt <= len(recoveries) * 2 * WIRES * MICRO_BATCH
        assert max(recoveries) <= 60


def is_up():
    try:
        return own_pid()
    except Exception:  # noqa: BLE001 - whatever it says while it recovers
        connection.close()
        return False


@nightly
def test_f07_sessions_that_are_terminated_leave_no_half_transaction(lab):
    with lab.rig() as rig:
        campaign, ended = rig.send(lab.size(ci=1500)), 0
        rig.wait_until_under_way(campaign)
        while ended < 200 and not rig.is_settled(campaign):
            for pid in lab.chance.sample(pids := session_pids(rig), min(3, len(pids))):
                rig.servers.sql("SELECT pg_terminate_backend(%s)", pid)
                ended += 1
            time.sleep(0.2)
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(ended=ended)
        verify(lab, rig, counts, expected=LOST)
        assert ended >= 30, "it was over before many sessions had ended"
        assert counts.owed == counts.sent + counts.in_doubt


@full
def test_f08_a_full_disk_sends_nothing_and_resumes_by_itself(lab, fault_servers):
    with small_disk(fault_servers) as (tablespace, disk), lab.rig(tablespace=tablespace) as rig:
        campaign = rig.send(lab.size(full=2000))
        rig.wait_until_under_way(campaign)
        filler = disk / "filler"
        fill(filler)
        time.sleep(8)
        stood_at = rig.accepted()
        time.sleep(5)
        moved = rig.accepted() - stood_at
        filler.unlink()
        recovery = rig.recovery()
        rig.settle(campaign)

        counts = rig.books(campaign)
        lab.note(arrived_while_full=moved, recovery_seconds=round(recovery, 1))
        verify(lab, rig, counts, expected={*LOST, "DiskFull"})
        assert stood_at < counts.owed, "it was over before the disk was full"
        assert counts.owed == counts.sent + counts.in_doubt


@contextmanager
def small_disk(servers):
    """A tablespace of 64 MB; skipped, loudly, where no file system may be mounted."""
    disk = servers.folder.parent / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=777", "none", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        place = disk / "space"
        place.mkdir(mode=0o700)
        owner = servers.folder.stat()
        os.chown(place, owner.st_uid, owner.st_gid)
        servers.sql(f"CREATE TABLESPACE small LOCATION '{place}'")
        yield "small", disk
        servers.sql("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(path):
    try:
        with path.open("wb") as file:
            while True:
                file.write(bytes(2**16))
                file.flush()
    except OSError:
        return


@ci
def test_f10_a_valkey_that_forgets_everything_delays_nothing_for_good(lab):
    with lab.rig(web=True) as rig:
        campaign, flushes, seen = rig.send(lab.size(ci=800)), 0, set()
        until = time.monotonic() + 120
        while time.monotonic() < until and (not rig.is_settled(campaign) or flushes < 3):
            rig.servers.valkey.flushall()
            flushes += 1
            seen |= open_some(rig, campaign, but=seen)
            time.sleep(1.5)
        rig.settle(campaign)
        opened = Event.objects.filter(kind="message.opened")
        rig.wait(lambda: opened.count() >= len(seen), seconds=60)

        counts = rig.books(campaign)
        lab.note(flushes=flushes, opened=len(seen))
        verify(lab, rig, counts, expected=LOST)
        assert counts.owed == counts.sent == counts.arrived
        assert counts.in_doubt == 0
        assert seen
        assert set(opened.values_list("message_id", flat=True)) == seen


def open_some(rig, campaign, *, but):
    """Readers load the pixel of some messages that have left; those that were answered."""
    sent = SendLedger.objects.filter(**campaign.source, outcome="sent").exclude(pk__in=but)
    return {pk for pk in sent.values_list("pk", flat=True)[:20] if rig.open(pk) == 200}


@nightly
def test_f11_without_valkey_the_public_pages_answer_and_sending_resumes(lab):
    with lab.rig(web=True, through={"valkey"}) as rig:
        campaign = rig.send(lab.size(ci=4000))
        rig.wait_until_under_way(campaign)
        rig.wait_for_web()
        rig.proxies["valkey"].cut()
        time.sleep(2)
        messages = Outbox.objects.filter(**campaign.source).values_list("id", flat=True)
        answers = [rig.unsubscribe(pk) for pk in messages.order_by("-id")[:20]]
        sent = SendLedger.objects.filter(**campaign.source).values_list("id", flat=True)
        answers += [rig.open(pk) for pk in sent[:20]]
        time.sleep(60 if lab.at_full_size else 10)
        rig.proxies["valkey"].heal()
        began = time.monotonic()
        rig.settle(campaign, seconds=180)

        counts = rig.books(campaign)
        lab.note(refused=rig.proxies["valkey"].refused, settled_after=time.monotonic() - began)
        verify(lab, rig, counts, expected=LOST)
        assert rig.proxies["valkey"].refused > 0
        assert set(answers) == {200}
        assert counts.owed == counts.sent + counts.skipped["not subscribed"]


@full
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_f12_a_valkey_that_takes_no_writes_is_waited_for(lab, state):
    valkey = lab.servers.valkey
    with lab.rig() as rig:
        campaign = rig.send(lab.size(full=2000))
        rig.wait_until_under_way(campaign)
        try:
            if state == "full":
                valkey.config_set("maxmemory", 1)
            else:
                valkey.replicaof("127.0.0.1", 1)
            with pytest.raises(Exception, match=r"maxmemory|read only"):
                valkey.set("a", "b")
            time.sleep(10)
        finally:
            valkey.config_set("maxmemory", 0)
            valkey.replicaof("NO", "ONE")
        revived = rig.revive()  # whom Celery ended, as its supervisor does
        rig.settle(campaign, seconds=180)

        counts = rig.books(campaign)
        lab.note(state=state, revived=revived)
        expected = {*LOST, "OutOfMemoryError", "ReadOnlyError", "ResponseError"}
        verify(lab, rig, counts, expected=expected)
        assert counts.owed == counts.sent == counts.arrived


@full
def test_f13_a_line_to_valkey_that_is_half_open_is_given_up(lab):
    with lab.rig(through={"valkey"}) as rig:
        campaign = rig.send(lab.size(full=8000))
        rig.wait_until_under_way(campaign)
        rig.proxies["valkey"].hush()
        time.sleep(50)  # longer than a pump runs
        rig.proxies["valkey"].heal()
        began = time.monotonic()
        second = rig.send(200)
        rig.settle(campaign, second, seconds=180)

        counts = rig.books(campaign)
        lab.note(settled_after=round(time.monotonic() - began, 1))
        verify(lab, rig, counts, expected=LOST)
        assert counts.owed == counts.sent == counts.arrived
        assert rig.books(second).sent == 200
