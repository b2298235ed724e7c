"""What a pump writes down for its reaper, and what that is worth after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.db import connection

from delivery import engine, journal, reaper
from delivery.models import Lease, Outbox, SendLedger
from delivery.replies import Reply
from delivery.tests.factories import queue
from delivery.transports.smtp import Result, WireOutcome
from emailseq.lib import clock
from subscribers.models import Event
from subscribers.tests.factories import ListFactory, make_audience

needs_boot_id = pytest.mark.skipif(not journal._BOOT_ID.exists(), reason="no boot id here")
FINE = Reply(250, "2.0.0", "queued as 7\tor so", "dot")


@pytest.fixture
def kept(tmp_path):
    """A journal that is being written, and its token."""
    token = uuid4()
    return journal.Journal(tmp_path, token), token


@needs_boot_id
def test_what_is_announced_is_open_until_its_answer_follows(tmp_path, kept):
    written, token = kept
    written.announce(7)
    written.note(Result(7, WireOutcome.ACCEPTED, FINE))
    written.announce(8)
    written.note(Result(8, WireOutcome.REFUSED, FINE))  # dies with the pump
    assert journal.read(tmp_path, token) is None  # the pump lives, for all one knows

    written.close(settled=False)

    assert journal.read(tmp_path, token) == {
        7: Result(7, WireOutcome.ACCEPTED, FINE),
        8: None,
    }
    journal.forget(tmp_path, token)
    assert journal.read(tmp_path, token) is None


@needs_boot_id
def test_a_later_try_counts_and_half_a_line_does_not(tmp_path, kept):
    written, token = kept
    written.announce(7)
    written.note(Result(7, WireOutcome.UNSENT, FINE))
    written.announce(7)
    written.close(settled=False)
    (path,) = tmp_path.iterdir()
    with path.open("a") as file:
        file.write("8")

    assert journal.read(tmp_path, token) == {7: None}


@needs_boot_id
def test_after_a_reboot_it_says_nothing(tmp_path, kept, monkeypatch):
    written, token = kept
    written.close(settled=False)
    assert journal.read(tmp_path, token) == {}
    (tmp_path / "boot").write_text("another\n")

    monkeypatch.setattr(journal, "_BOOT_ID", tmp_path / "boot")

    assert journal.read(tmp_path, token) is None


@needs_boot_id
def test_a_journal_that_cannot_be_written_is_none(tmp_path, kept, monkeypatch):
    written, token = kept
    written.announce(7)
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, data: len(data) - 1)
        written.announce(8)
    written.announce(9)
    written.close(settled=False)

    assert journal.read(tmp_path, token) is None
    assert list(tmp_path.iterdir()) == []


@needs_boot_id
def test_what_is_settled_needs_no_journal_and_what_nobody_came_for_goes(tmp_path, kept):
    written, _ = kept
    (path,) = tmp_path.iterdir()
    written.close(settled=False)
    yesterday = time.time() - journal.STALE_SECONDS - 1
    os.utime(path, (yesterday, yesterday))

    other = journal.Journal(tmp_path, uuid4())
    assert path not in list(tmp_path.iterdir())
    other.close(settled=True)

    assert list(tmp_path.iterdir()) == []


@needs_boot_id
@pytest.mark.slow
@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_killed_pump_leaves_one_message_a_wire_in_doubt(tmp_path, settings, wire):
    settings.WIRES_DIR = tmp_path / "wires"
    news = ListFactory()
    audience = make_audience(400, on=news)
    queue(audience, on=news)
    with _sink(wire.path) as port:
        pump = _pump_in_a_process(port, settings.WIRES_DIR)
        _wait_until(lambda: len(wire.journal) > 150)
        pump.kill()
        pump.wait()
    marked = Outbox.objects.exclude(wire_at=None).count()
    assert marked > 2 * engine.WIRES  # so that there was something to be in doubt

    Lease.objects.update(until=clock.now())
    reaper.reap()

    doubtful = set(Outbox.objects.in_doubt().values_list("subscriber__email", flat=True))
    assert len(doubtful) <= engine.WIRES
    assert list(settings.WIRES_DIR.iterdir()) == []
    wire.send(seconds=3)
    assert Outbox.objects.count() == len(doubtful)
    assert set(wire.recipients) | doubtful == {person.email for person in audience}
    assert len(wire.recipients) == len(set(wire.recipients))
    sent = SendLedger.objects.filter(outcome="sent").count()
    assert sent == Event.objects.filter(kind="message.sent").count() == 400 - len(doubtful)


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_without_a_journal_all_that_is_marked_is_in_doubt(settings, tmp_path):
    settings.WIRES_DIR = tmp_path
    queue(make_audience(3, on=ListFactory()), on=ListFactory())
    token = Lease.objects.create(token=uuid4(), worker="dead", until=clock.now()).token
    Outbox.objects.update(lease_token=token, wire_at=clock.now())

    reaper.reap()

    assert Outbox.objects.in_doubt().count() == 3


@contextmanager
def _sink(path):
    """A sink of its own process, which takes 20 ms for each answer; its port."""
    command = [sys.executable, "-m", "delivery.sink", "--journal", path, "--latency", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.kill()


PUMP = """
import asyncio, sys
from pathlib import Path
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"], settings.WIRES_DIR = sys.argv[1], Path(sys.argv[2])
django.setup()
from delivery import engine
from delivery.transports.smtp import Server
server = Server(host="127.0.0.1", port=int(sys.argv[3]), helo="test.example")
asyncio.run(engine.pump(server, seconds=60, stopping=lambda: False))
"""


def _pump_in_a_process(port, wires):
    """A process that pumps until it is killed."""
    database = connection.settings_dict["NAME"]
    return subprocess.Popen([sys.executable, "-c", PUMP, database, wires, str(port)])


def _wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
