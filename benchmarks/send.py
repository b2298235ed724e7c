"""How many messages a second a campaign sends, end to end, beside a client that only sends.

Ours: claim, render a newsletter of 20 KB, mark, look, hand over, settle, the rollups consumer
running. Baseline: our own SMTP client with ready-made messages of the same size. Both have the
same processes, connections and sinks (one each per sender) and take turns on the same cores, as
does smtplib, one connection a process, to say what a client usually makes of such messages.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.db.models import Max

from accounts import services as accounts
from accounts.audit import Actor
from accounts.models import Workspace
from benchmarks.crew import READY_MADE, Hand
from benchmarks.database import new_database
from campaigns import engine, services
from campaigns.models import Campaign
from delivery import services as delivery
from delivery.dkim import ED25519, RSA_2048
from delivery.models import DkimKey, Outbox, SenderIdentity, SendLedger
from delivery.services import domains
from delivery.states import KeyState, SourceKind
from emailseq.embedded.place import dies_with_us
from subscribers import feed
from subscribers import services as people
from subscribers.imports.read import examine
from subscribers.imports.run import import_people
from subscribers.models import List
from subscribers.services import Consent
from subscribers.states import FieldKind
from templates_app import services as templates

NEWSLETTER = Path(__file__).with_name("newsletter.html")
FIELDS = {
    "berth": FieldKind.TEXT,
    "town": FieldKind.TEXT,
    "boat": FieldKind.TEXT,
    "length_m": FieldKind.NUMBER,
    "berth_since": FieldKind.DATE,
    "member": FieldKind.BOOLEAN,
    "member_no": FieldKind.NUMBER,
    "tides": FieldKind.TEXT,
}
BENCH = Actor.command("bench")
SIGNED_BY = {"rsa": RSA_2048, "ed25519": ED25519}
SINK_BUSY = 0.9  # of a core: from here on it is the sink that is measured
PATIENCE_SECONDS = 300


class Turn(NamedTuple):
    """One turn, of ours or of the baseline."""

    seconds: float
    rate: float
    cpu_us: float  # per message, of the sending processes
    rss_mb: float
    sink_busy: float


def run(
    *, size: int, rounds: int, senders: int, dkim: str | None, say: Callable[[str], object]
) -> dict[str, Any]:
    """Send `size` messages in `rounds` campaigns; what was measured. `say` hears of progress.

    `dkim` is the algorithm that signs them, if any does.
    """
    each = size // rounds
    with tempfile.TemporaryDirectory() as folder, new_database() as urls:
        say(f"Importing {each:,} people …")
        to = _import(Path(folder) / "people.csv", each)
        if dkim:
            _sign(to.workspace, dkim)
        with _crew(Path(folder), senders, urls) as crew:
            ours, base, stdlib = [], [], []
            for number in range(rounds):
                ours.append(crew.send(_queue(to, number)))
                base.append(crew.blast(each))
                stdlib.append(crew.blast(each, client="smtplib"))
                rates = f"baseline {base[-1].rate:,.0f}, smtplib {stdlib[-1].rate:,.0f}"
                say(f"{ours[-1].rate:,.0f} messages/s, {rates}")
            arrived = crew.arrivals()
    return {
        "bench": "send",
        "dkim": dkim,
        "seconds": round(sum(turn.seconds for turn in ours), 1),
        "rate": round(statistics.median(turn.rate for turn in ours)),
        "rss_mb": round(max(turn.rss_mb for turn in ours)),
        "baseline": {
            "name": "our SMTP client alone, with ready-made messages",
            "rate": round(statistics.median(turn.rate for turn in base)),
        },
        "ratio_baseline": _ratio(ours, base),
        "ratio_smtplib": _ratio(ours, stdlib),
        "rates": [[round(turn.rate) for turn in turns] for turns in (ours, base, stdlib)],
        "lost": each * rounds - len(arrived),
        "doubled": sum(arrived.values()) - len(arrived),
        "cpu_us_per_message": round(statistics.median(turn.cpu_us for turn in ours)),
        "sink_bound": max(turn.sink_busy for turn in ours + base + stdlib) > SINK_BUSY,
        "messages": each * rounds,
        "message_bytes": crew.message_bytes,
        "senders": senders,
    }


class Crew:
    """The processes that send, and the sinks they write to: one each per sender."""

    def __init__(
        self,
        hands: Sequence[Hand],
        sinks: Sequence[subprocess.Popen[str]],
        journals: Sequence[Path],
    ) -> None:
        self.message_bytes = 0
        self._hands, self._sinks, self._journals = hands, sinks, journals
        self._ports = [_port(sink) for sink in sinks]
        for hand in hands:
            hand.hear()

    def send(self, campaign: Campaign) -> Turn:
        """Send a campaign that is in the outbox, to the end."""
        orders = [{"do": "pump", "port": port} for port in self._ports]
        turn = self._take_turn(orders, campaign.recipient_count, lambda: self._watch(campaign))
        self.message_bytes = self.message_bytes or self._mean_size()
        return turn

    def blast(self, count: int, *, client: str = "blast") -> Turn:
        """Hand over as many messages of the same size, ready-made, by an order of the crew."""
        share, rest = divmod(count, len(self._hands))
        size = {"do": client, "size": self.message_bytes}
        orders = [
            {**size, "port": port, "count": share + (number < rest)}
            for number, port in enumerate(self._ports)
        ]
        return self._take_turn(orders, count, lambda: None)

    def arrivals(self) -> Counter[str]:
        """How often each message of ours arrived, by Message-ID."""
        return Counter(entry["message_id"] for entry in self._entries())

    def _take_turn(
        self, orders: Sequence[dict[str, Any]], count: int, watch: Callable[[], float | None]
    ) -> Turn:
        busy, began = self._sink_seconds(), time.time()
        for hand, order in zip(self._hands, orders, strict=True):
            hand.tell(order)
        ended = watch()
        answers = [hand.hear() for hand in self._hands]
        seconds = (ended or time.time()) - began
        busier = zip(busy, self._sink_seconds(), strict=True)
        return Turn(
            seconds=seconds,
            rate=count / seconds,
            cpu_us=sum(answer["cpu"] for answer in answers) / count * 1e6,
            rss_mb=max(answer["rss_mb"] for answer in answers),
            sink_busy=max(after - before for before, after in busier) / seconds,
        )

    def _watch(self, campaign: Campaign) -> float:
        """Count events until all is sent, then call the pumps back; when the last one was settled.

        The database's clock says when, and this process's when it began: one machine, one clock.
        """
        own = {"kind": SourceKind.CAMPAIGN, "source_id": campaign.pk}
        began = time.monotonic()
        while Outbox.objects.filter(**own).exists():
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise RuntimeError(f"Not sent within {PATIENCE_SECONDS} s.")
            feed.run("rollups")
            time.sleep(0.5)
        for hand in self._hands:
            hand.process.send_signal(signal.SIGUSR1)
        last = SendLedger.objects.filter(**own).aggregate(at=Max("finished_at"))["at"]
        return float(last.timestamp())

    def _entries(self) -> Iterator[dict[str, Any]]:
        for journal in self._journals:
            with journal.open() as lines:
                entries = map(json.loads, lines)
                yield from (entry for entry in entries if entry["rcpt"] != READY_MADE)

    def _mean_size(self) -> int:
        sizes: list[int] = [entry["size"] for entry in self._entries()]
        return round(statistics.mean(sizes))

    def _sink_seconds(self) -> list[float]:
        """The CPU that each sink has used, as far as the system tells."""
        stats = [Path(f"/proc/{sink.pid}/stat") for sink in self._sinks]
        if not all(stat.exists() for stat in stats):
            return [0.0] * len(stats)
        ticks = os.sysconf("SC_CLK_TCK")
        fields = [stat.read_text().rpartition(")")[2].split() for stat in stats]
        return [(int(field[11]) + int(field[12])) / ticks for field in fields]


@contextmanager
def _crew(folder: Path, senders: int, urls: dict[str, str]) -> Iterator[Crew]:
    journals = [folder / f"journal-{number}.jsonl" for number in range(senders)]
    sinks = [
        subprocess.Popen(
            [sys.executable, "-m", "delivery.sink", "--journal", journal],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=dies_with_us(signal.SIGKILL),
        )
        for journal in journals
    ]
    hands = [Hand(urls) for _ in range(senders)]
    try:
        yield Crew(hands, sinks, journals)
    finally:
        for process in [*(hand.process for hand in hands), *sinks]:
            process.terminate()
            process.communicate()


def _import(file: Path, count: int) -> List:
    """A list of so many people."""
    workspace = accounts.create_workspace(
        name="Harbour", slug="harbour", postal_address="1 Quay Street, Copenhagen", by=BENCH
    )
    to = people.create_list(workspace, name="Harbour news", slug="news", by=BENCH)
    for key, kind in FIELDS.items():
        people.create_field(workspace, key=key, label=key, kind=kind, by=BENCH)
    delivery.create_sender(workspace, name="Harbour", email="news@harbour.example", by=BENCH)
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["email", "first_name", "last_name", *FIELDS])
        rows.writerows(map(_person, range(count)))
    import_people(
        examine(file),
        to=to,
        by=BENCH,
        error_path=file.with_suffix(".errors"),
        consent=Consent("Signed the berth contract"),
        confirmed=True,
    )
    return to


def _sign(workspace: Workspace, algorithm: str) -> None:
    """Let the sender's domain sign. There is no DNS here that could show the key."""
    domain = domains.create_domain(workspace, name="harbour.example", by=BENCH)
    key = domains.rotate_key(domain, algorithm=SIGNED_BY[algorithm], by=BENCH)
    DkimKey.objects.filter(pk=key.pk).update(state=KeyState.ACTIVE)


def _person(number: int) -> list[str]:
    tides = ";".join(
        f"{day} {number % 12:02}:{number % 60:02}" for day in ("Mon", "Tue", "Wed", "Thu", "Fri")
    )
    boat = "" if number % 3 == 0 else "Colin Archer"
    member = "yes" if number % 2 else "no"
    facts = [
        f"B {number % 90}",
        "Copenhagen",
        boat,
        "11.5",
        "2019-04-01",
        member,
        str(number),
        tides,
    ]
    return [f"person-{number}@post.example", "Zoë", f"Sørensen {number}", *facts]


def _queue(to: List, number: int) -> Campaign:
    """A campaign to the list, all of it in the outbox."""
    workspace = to.workspace
    template = templates.create_template(
        workspace,
        name=f"News {number}",
        slug=f"news-{number}",
        subject="{{ subscriber.first_name }}, the news from the harbour",
        html=NEWSLETTER.read_text(encoding="utf-8"),
        by=BENCH,
    )
    campaign = services.create_campaign(
        workspace,
        name=f"News {number}",
        list=to,
        template=template,
        sender=SenderIdentity.objects.get(workspace=workspace),
        by=BENCH,
    )
    services.send(campaign, by=BENCH)
    while engine.fill():
        pass
    campaign.refresh_from_db()
    return campaign


def _ratio(ours: Sequence[Turn], base: Sequence[Turn]) -> float:
    """Of neighbouring turns, so that a slow minute of the machine weighs on both."""
    ratios = [one.rate / other.rate for one, other in zip(ours, base, strict=True)]
    return round(statistics.median(ratios), 2)


def _port(sink: subprocess.Popen[str]) -> int:
    assert sink.stdout
    return int(sink.stdout.readline().rpartition(":")[2])
