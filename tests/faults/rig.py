"""The product as processes on a database of its own, and the hands that break it."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import InterfaceError, OperationalError, connection

from accounts.audit import SYSTEM
from campaigns import audience, services
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory
from delivery.models import Lease, Outbox, SendLedger
from delivery.tracking import Links
from emailseq.demo import processes
from emailseq.demo.processes import Children
from subscribers.models import Cursor, Event, Subscriber
from subscribers.tests.factories import make_audience
from tests.faults import books
from tests.faults.books import Books
from tests.faults.proxy import Proxy
from tests.faults.servers import Servers

LEASE_SECONDS = 3
LATENCY = 100  # milliseconds: slow enough for a fault to meet messages on the wire
LOOK_SECONDS = 0.1
SABOTAGE = "tests.faults.sabotage"
_RAISED = re.compile(r"^(?:\w+\.)*([A-Z]\w+)(?::|$)")


class Rig:
    """Senders, a worker, beats and a sink, running; every experiment has its own."""

    def __init__(
        self,
        children: Children,
        servers: Servers,
        *,
        folder: Path,
        sink: Mapping[str, Any],
        sabotage: str,
    ) -> None:
        self.journal, self.servers = folder / "journal.jsonl", servers
        self.journal.touch()
        self.smtp_port = processes.free_port(_first_port())
        self.proxies: dict[str, Proxy] = {}
        self._children, self._logs = children, folder / "logs"
        self._mood, self._sabotage = dict(sink), sabotage
        self._peaks: dict[str, float] = {}

    # Processes

    def start(self, *names: str) -> None:
        for name in names:
            command = self._command(name)
            if self._sabotage and name.startswith(("sender", "worker")):
                command = (SABOTAGE, self._sabotage, *command)
            self._children.start(name, *command)

    def _command(self, name: str) -> tuple[str, ...]:
        kind = name.partition("-")[0]
        if kind == "sink":
            mood = [str(part) for option in self._mood.items() for part in option]
            return ("delivery.sink", "--port", str(self.smtp_port), *mood)
        if kind == "web":
            self.web_port = processes.free_port(_first_port() + 100)
            bind = ("--bind", f"127.0.0.1:{self.web_port}", "--no-control-socket")
            return (
                "gunicorn",
                "emailseq.wsgi",
                *bind,
                "-w",
                "2",
                "-k",
                "gthread",
                "--threads",
                "4",
            )
        return {
            "worker": processes.WORKER,
            "beat": processes.BEAT,
            "sender": (*processes.SENDER, "-n", f"{name}@%h"),
        }[kind]

    @property
    def senders(self) -> list[str]:
        return [name for name in self._children.running if name.startswith("sender")]

    def kill(self, name: str) -> int:
        """SIGKILL the process and its children; how many messages it had marked for the wire.

        It is stopped first, so that the count is of the instant at which it dies.
        """
        self._note_peak(name)
        child = self._children.running[name]
        os.killpg(child.pid, signal.SIGSTOP)
        bitten = self.held_by(name).exclude(wire_at=None).count() if "sender" in name else 0
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return bitten

    @contextmanager
    def asleep(self, name: str) -> Iterator[None]:
        """The process is stopped, and knows nothing of it when it goes on."""
        child = self._children.running[name]
        os.killpg(child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(child.pid, signal.SIGCONT)

    def terminate(self, name: str) -> float:
        """SIGTERM, and how many seconds the process took to end; it must end well."""
        child, began = self._children.running[name], time.monotonic()
        child.terminate()
        assert child.wait(60) == 0
        return time.monotonic() - began

    def pool_children(self, name: str) -> list[int]:
        """The processes that a worker (or a web server) has made for its work."""
        parent = self._children.running[name].pid
        path = Path(f"/proc/{parent}/task/{parent}/children")
        return [int(pid) for pid in path.read_text().split()]

    def sink(self, **mood: Any) -> None:
        """Another sink in place of this one, on the same port and with the same journal."""
        self._mood = {f"--{name}": value for name, value in mood.items()}
        self._mood |= {"--journal": str(self.journal)}
        self.kill("sink")
        self.start("sink")

    def held_by(self, name: str) -> Any:
        """The messages that this process has leased."""
        worker = f":{self._children.running[name].pid}"
        leases = Lease.objects.filter(worker__endswith=worker)
        return Outbox.objects.filter(lease_token__in=leases.values("token"), doubt_at=None)

    def busy_senders(self) -> list[str]:
        return [name for name in self.senders if self.held_by(name).exists()]

    def revive(self) -> list[str]:
        """Start again what has ended, as a supervisor does; what that was."""
        ended = [name for name, child in self._children.running.items() if child.poll() is not None]
        self.start(*ended)
        return ended

    # The web server

    def ask(
        self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> int:
        """The status of its answer; 0 where there is none."""
        with closing(HTTPConnection("127.0.0.1", self.web_port, timeout=10)) as there:
            try:
                there.request(method, path, body, dict(headers or {}))
                return there.getresponse().status
            except (OSError, HTTPException):
                return 0

    def wait_for_web(self) -> None:
        self.wait(lambda: self.ask("GET", "/u/nobody") == 404, seconds=90)

    def unsubscribe(self, message_id: int) -> int:
        """One click, as a mailbox provider does it for the reader of a message."""
        path = urlsplit(Links("", message_id).unsubscribe).path
        return self.ask("POST", path, "List-Unsubscribe=One-Click")

    def open(self, message_id: int) -> int:
        """A reader loads the pixel."""
        return self.ask("GET", urlsplit(Links("", message_id).open_pixel).path)

    # Campaigns

    def send(self, size: int, *, tags: Mapping[str, float] | None = None) -> Campaign:
        """A campaign to so many people, on its way; a share of them have a tag for the sink."""
        campaign = CampaignFactory(list__slug=f"list-{time.monotonic_ns()}")
        people = make_audience(size, on=campaign.list)
        random.Random(size).shuffle(people)  # whoever has a tag is not the first to be written to
        for tag, share in (tags or {}).items():
            chosen = [people.pop() for _ in range(int(size * share))]
            for person in chosen:
                person.email = person.address_key = person.email.replace("@", f"+f_{tag}@")
            Subscriber.objects.bulk_update(chosen, ["email", "address_key"])
        assert services.send(campaign, by=SYSTEM)
        return campaign

    def wait(self, done: Callable[[], Any], *, seconds: float) -> float:
        """Until something is true; how long that took."""
        began = time.monotonic()
        while not _holds(done):
            assert time.monotonic() - began < seconds, f"not within {seconds} s"
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def wait_until_under_way(self, campaign: Campaign) -> None:
        """Until messages are arriving."""
        self.wait(lambda: self.accepted(), seconds=60)

    def accepted(self) -> int:
        return sum(line["code"] == 250 for line in books.read(self.journal))

    def recovery(self) -> float:
        """Seconds from now to the next message that arrives (invariant I10)."""
        before = self.accepted()
        return self.wait(lambda: self.accepted() > before, seconds=60)

    def is_settled(self, *sources: Campaign) -> bool:
        """Whether nothing but doubt is left."""
        for campaign in sources:
            campaign.refresh_from_db()
            if not (campaign.filled_at or campaign.ended_at):
                return False
            if Outbox.objects.filter(**campaign.source, doubt_at=None).exists():
                return False
        return True

    def settle(self, *sources: Campaign, seconds: float = 120) -> float:
        """Until nothing but doubt is left of them, and everything is counted."""
        try:
            took = self.wait(lambda: self.is_settled(*sources), seconds=seconds)
        except AssertionError as late:
            left = Outbox.objects.filter(doubt_at=None)
            standing = left.values_list("lease_token", "wire_at", "run_at", "cancelled_at")
            raise AssertionError(f"{late}; {left.count()} are left: {[*standing[:3]]}") from None
        return took + self.wait(_counted, seconds=60)

    # Books

    def books(self, campaign: Campaign, *, told: Mapping[str, float] | None = None) -> Books:
        owed = set(audience.places(campaign).values_list("subscriber__email", flat=True))
        owed |= _mailed(campaign)
        return books.audit(self.journal, source=campaign.source, owed=owed, told=told)

    def disagreements(self) -> list[str]:
        return books.reconcile(self.journal)

    def disagreements_of_rows(self) -> list[str]:
        """The same without the journal, where it is not the one of this database."""
        return books.reconcile(None)

    def tracebacks(self, *, expected: Collection[str] = ()) -> dict[str, int]:
        """Tracebacks in the logs by class, without those that this fault is known to cause."""
        found = Counter(
            match[1] if (match := _RAISED.match(last)) else last[:80]
            for log in self._logs.iterdir()
            for last in _last_lines(log.read_text(errors="replace"))
        )
        return {name: count for name, count in found.items() if name not in expected}

    def peaks(self) -> dict[str, float]:
        """The largest resident size of each kind of process so far, in MB (invariant I7)."""
        for name in self._children.running:
            self._note_peak(name)
        return self._peaks

    def _note_peak(self, name: str) -> None:
        with contextlib.suppress(OSError, IndexError):  # it has gone, or nobody has waited for it
            status = Path(f"/proc/{self._children.running[name].pid}/status").read_text()
            peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024
            kind = name.partition("-")[0]
            self._peaks[kind] = round(max(peak, self._peaks.get(kind, 0)), 1)


@contextmanager
def running(
    folder: Path,
    servers: Servers,
    *,
    senders: int = 2,
    beats: int = 1,
    web: bool = False,
    through: Collection[str] = (),
    sabotage: str = "",
    login: str = "",
    tablespace: str = "pg_default",
    environment: Mapping[str, str] | None = None,
    **sink: Any,
) -> Iterator[Rig]:
    """A rig on a new database. `through` names servers that are reached by a line one can cut."""
    folder.mkdir()
    mood = {"latency": LATENCY, **sink, "journal": folder / "journal.jsonl"}
    with ExitStack() as stack:
        database = stack.enter_context(servers.copy(tablespace=tablespace))
        children = Children(folder / "logs", {})
        rig = Rig(
            children,
            servers,
            folder=folder,
            sink={f"--{name}": value for name, value in mood.items()},
            sabotage=sabotage,
        )
        upstreams = dict(zip(("postgres", "valkey"), servers.sockets, strict=True))
        for name in through:
            upstream = upstreams.get(name, rig.smtp_port)
            rig.proxies[name] = stack.enter_context(Proxy(upstream).running())
        children._environment.update(_environment(rig, database, login), **(environment or {}))
        stack.callback(_end, children)
        rig.start("sink", "worker", *(["web"] if web else []))
        rig.start(*(f"sender-{number}" for number in range(senders)))
        rig.start(*(f"beat-{number}" for number in range(beats)))
        yield rig


def _first_port() -> int:
    """Where to look for free ports: runs that go on at once look in different places."""
    return 20_000 + os.getpid() % 50 * 200


def _end(children: Children) -> None:
    """At once: what they have in hand goes with the database."""
    for child in children.running.values():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _environment(rig: Rig, database: str, login: str) -> dict[str, str]:
    ports = {name: proxy.port for name, proxy in rig.proxies.items()}
    valkey = f"redis://127.0.0.1:{ports['valkey']}" if "valkey" in ports else rig.servers.redis_url
    return {
        "DATABASE_URL": rig.servers.url_of(database, port=ports.get("postgres")),
        "REDIS_URL": valkey,
        "CELERY_BROKER_URL": "",
        "EMAIL_URL": f"smtp://{login and login + '@'}127.0.0.1:{ports.get('smtp', rig.smtp_port)}",
        "EMAILSEQ_LEASE_SECONDS": str(LEASE_SECONDS),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SITE_URL": "http://127.0.0.1",
    }


def _last_lines(text: str) -> Iterator[str]:
    """The last line of each traceback: what was raised."""
    inside = False
    for line in text.splitlines():
        if line.lstrip().startswith("Traceback (most recent call last)"):
            inside = True
        elif inside and line and not line[0].isspace():
            inside = False
            yield line


def _mailed(campaign: Campaign) -> set[str]:
    """Whoever was in its audience, though they may have left since."""
    found: set[str] = set()
    for table in (Outbox, SendLedger):
        rows = table.objects.filter(**campaign.source)
        found |= set(rows.values_list("subscriber__email", flat=True))
    return found


def _holds(done: Callable[[], Any]) -> Any:
    """Whether something is true; nothing is while the database is away."""
    try:
        return done()
    except (OperationalError, InterfaceError):
        connection.close()
        return False


def _counted() -> bool:
    """Whether the rollups have read the whole log."""
    newest = Event.objects.order_by("-xid").values_list("xid", flat=True).first() or 0
    return Cursor.objects.filter(name="rollups", xid__gte=newest).exists()
