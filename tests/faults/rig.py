"""The product as processes on servers of its own, and the hands that break it.

The servers that every test run has are without fsync and belong to everybody; these sync, and no
more than one experiment at a time uses them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import dj_database_url
import redis
from django.core.management import call_command
from django.db import connection

from accounts.audit import SYSTEM
from analytics import recount
from campaigns import services
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory
from delivery import reconcile
from delivery.models import Lease, Outbox, SendLedger
from delivery.states import Outcome
from emailseq import embedded
from emailseq.demo import processes
from emailseq.demo.processes import Children
from emailseq.embedded.place import Place
from subscribers.models import Cursor, Event
from subscribers.tests.factories import make_audience

LEASE_SECONDS = 3
LATENCY = 100  # milliseconds: slow enough for a fault to meet messages on the wire
SENDERS = ("sender-1", "sender-2")
LOOK_SECONDS = 0.1


class Rig:
    """Two senders, a worker and two beats, running; every experiment leaves them so.

    The second beat is there to change nothing.
    """

    def __init__(self, children: Children, *, folder: Path, redis_url: str) -> None:
        self.journal, self._logs = folder / "journal.jsonl", folder / "logs"
        self.valkey = redis.Redis.from_url(redis_url)
        self._children = children
        for name in ("worker", "beat", "beat-2", *SENDERS):
            self.start(name)

    # Processes

    def start(self, name: str) -> None:
        command = {
            "worker": processes.WORKER,
            "beat": processes.BEAT,
            "sender": (*processes.SENDER, "-n", f"{name}@%h"),
        }
        self._children.start(name, *command[name.partition("-")[0]])

    def kill(self, name: str) -> int:
        """SIGKILL the process and its children; how many messages it had marked for the wire.

        It is stopped first, so that the count is of the instant at which it dies.
        """
        child = self._children.running[name]
        os.killpg(child.pid, signal.SIGSTOP)
        bitten = self.held_by(name).exclude(wire_at=None).count()
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return bitten

    def terminate(self, name: str) -> float:
        """SIGTERM, and how many seconds the process took to end; it must end well."""
        child, began = self._children.running[name], time.monotonic()
        child.terminate()
        assert child.wait(60) == 0
        return time.monotonic() - began

    def held_by(self, name: str) -> Any:
        """The messages that this process has leased."""
        worker = f":{self._children.running[name].pid}"
        leases = Lease.objects.filter(worker__endswith=worker)
        return Outbox.objects.filter(lease_token__in=leases.values("token"), doubt_at=None)

    def busy_senders(self) -> list[str]:
        return [name for name in SENDERS if self.held_by(name).exists()]

    # Campaigns

    def send(self, size: int) -> Campaign:
        """A campaign to so many people, on its way."""
        campaign = CampaignFactory(list__slug=f"list-{time.monotonic_ns()}")
        make_audience(size, on=campaign.list)
        assert services.send(campaign, by=SYSTEM)
        return campaign

    def wait(self, done: Callable[[], Any], *, seconds: float) -> float:
        """Until something is true; how long that took."""
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < seconds, f"not within {seconds} s"
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def sends(self, campaign: Campaign) -> Callable[[], bool]:
        """Whether more has arrived than when this was called."""
        before = sum(self.arrivals(campaign).values())
        return lambda: sum(self.arrivals(campaign).values()) > before

    def settle(self, campaign: Campaign, *, seconds: float) -> float:
        """Until nothing but doubt is left of the campaign, and everything is counted."""
        queued = Outbox.objects.filter(kind="campaign", source_id=campaign.pk)

        def settled() -> bool:
            campaign.refresh_from_db()
            return bool(campaign.filled_at) and not queued.filter(doubt_at=None).exists()

        return self.wait(settled, seconds=seconds) + self.wait(_counted, seconds=20)

    # Books

    def arrivals(self, campaign: Campaign) -> Counter[str]:
        """How often a message arrived, by address: what the receiving side knows."""
        lines = map(json.loads, self.journal.read_text().splitlines())
        arrived = Counter(line["rcpt"] for line in lines if line["code"] == 250)
        audience = set(campaign.audience().values_list("subscriber__email", flat=True))
        return Counter({email: count for email, count in arrived.items() if email in audience})

    def count(self, campaign: Campaign) -> dict[str, int]:
        """The campaign's messages by what became of them, counted from rows and the journal."""
        own = {"kind": "campaign", "source_id": campaign.pk}
        arrived = self.arrivals(campaign)
        sent = SendLedger.objects.filter(**own, outcome=Outcome.SENT)
        sent_to = set(sent.values_list("subscriber__email", flat=True))
        in_doubt = Outbox.objects.in_doubt().filter(**own)
        doubtful = set(in_doubt.values_list("subscriber__email", flat=True))
        owed = set(campaign.audience().values_list("subscriber__email", flat=True))
        return {
            "owed": len(owed),
            "sent": len(sent_to),
            "arrived": len(arrived),
            "in_doubt": len(doubtful),
            "in_doubt_arrived": len(doubtful & arrived.keys()),
            "lost": len(owed - sent_to - doubtful) + len(sent_to - arrived.keys()),
            "doubled": sum(arrived.values()) - len(arrived),
            "unknown": len(arrived.keys() - sent_to - doubtful),
        }

    def disagreements(self) -> list[str]:
        """What `manage.py reconcile` would say."""
        found = [*reconcile.check_rows(), *reconcile.check_journal(self.journal)]
        return [finding.sentence for finding in found] + [str(drift) for drift in recount.drift()]

    def surprises(self) -> list[str]:
        """The processes whose log holds a traceback."""
        logs = sorted(self._logs.iterdir())
        return [log.stem for log in logs if "Traceback (most recent" in log.read_text()]


@contextmanager
def running(folder: Path) -> Iterator[Rig]:
    """A rig on new servers and an empty database; `connection` leads there meanwhile."""
    with ExitStack() as stack:
        urls = stack.enter_context(_servers(folder / "servers"))
        stack.enter_context(_connected_to(urls["DATABASE_URL"]))
        call_command("migrate", verbosity=0)
        port = processes.free_port(2600)
        environment = {**urls, "EMAIL_URL": f"smtp://127.0.0.1:{port}"}
        environment |= {"EMAILSEQ_LEASE_SECONDS": str(LEASE_SECONDS), "CELERY_BROKER_URL": ""}
        children = Children(folder / "logs", environment)
        stack.callback(children.stop)
        sink = ("delivery.sink", "--port", str(port), "--latency", str(LATENCY))
        children.start("sink", *sink, "--journal", str(folder / "journal.jsonl"))
        yield Rig(children, folder=folder, redis_url=urls["REDIS_URL"])


@contextmanager
def _servers(folder: Path) -> Iterator[dict[str, str]]:
    home = Place.of(folder, durable=True).home
    try:
        with (
            mock.patch.dict(os.environ, DATABASE_URL="", REDIS_URL=""),
            embedded.servers(folder, durable=True) as urls,
        ):
            yield urls
    finally:
        shutil.rmtree(home)


@contextmanager
def _connected_to(url: str) -> Iterator[None]:
    connection.close()
    with mock.patch.dict(connection.settings_dict, dj_database_url.parse(url)):
        yield
        connection.close()


def _counted() -> bool:
    """Whether the rollups have read the whole log."""
    newest = Event.objects.order_by("-xid").values_list("xid", flat=True).first() or 0
    return Cursor.objects.filter(name="rollups", xid__gte=newest).exists()
