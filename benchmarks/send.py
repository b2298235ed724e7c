"""How many messages a second a campaign sends, end to end, beside a client that only sends.

Ours: claim, render a newsletter of 20 KB, mark, look, hand over, settle, the rollups consumer
running. Baseline: Postfix's smtp-source with ready-made messages of the same size, on ten
connections that it keeps; or where there is none our own SMTP client. They take turns on the same
cores, as do, with as many processes, connections and sinks as we have, several smtp-sources, our
client alone, and smtplib with one connection a process. What is lost or doubled is counted in a
round of its own, which the sinks write down.
"""

from __future__ import annotations

import csv
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import django
from django.db.models import Max

from accounts import services as accounts
from accounts.audit import Actor
from accounts.models import Workspace
from benchmarks import sinks
from benchmarks.crew import Hand
from benchmarks.database import new_database
from benchmarks.sinks import Postfix, Sink
from campaigns import engine, services
from campaigns.models import Campaign
from delivery import services as delivery
from delivery.dkim import ED25519, RSA_2048
from delivery.engine import WIRES
from delivery.models import DkimKey, Outbox, SenderIdentity, SendLedger
from delivery.services import domains
from delivery.states import KeyState, SourceKind
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
OURS, SOURCE, SOURCES = "emailseq", "smtp-source", "an smtp-source per sender"
BLAST, SMTPLIB = "our SMTP client alone", "smtplib"
_ORDERS = {SOURCE: "source", SOURCES: "source", BLAST: "blast", SMTPLIB: "smtplib"}
SOURCE_CONNECTIONS = 10  # of the one that sends alone
PEER = Path(__file__).with_name("peer.py")
PEERS = {"post_office": "django-post_office", "django_mailer": "django-mailer"}
PEER_COUNT = 2000
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
    *,
    size: int,
    rounds: int,
    senders: int,
    dkim: str | None,
    postfix: Path | None,
    peers: bool,
    say: Callable[[str], object],
) -> dict[str, Any]:
    """Send `size` messages in `rounds` campaigns, and one round more to see what arrives.

    `dkim` is the algorithm that signs them, if any does; `postfix` is where Postfix's tools are
    unpacked, if they are not installed; with `peers` other queues for Django send such messages,
    too. `say` hears of progress.
    """
    each, tools = size // rounds, Postfix.find(postfix)
    baseline, *others = [SOURCE, SOURCES, BLAST, SMTPLIB] if tools else [BLAST, SMTPLIB]
    with tempfile.TemporaryDirectory() as folder, new_database() as urls, ExitStack() as stack:
        say(f"Importing {each:,} people …")
        to = import_people_of(Path(folder) / "people.csv", each)
        if dkim:
            _sign(to.workspace, dkim)
        journals = [Path(folder) / f"journal-{number}.jsonl" for number in range(senders)]
        hands = [Hand(urls) for _ in range(senders)]
        for hand in hands:
            stack.callback(hand.dismiss)
            hand.hear()
        with sinks.keeping(journals) as ours:
            kept = Crew(hands, ours, tools)
            kept.send(queue(to, 0))
            entries = [json.loads(line) for path in journals for line in path.open()]
            arrived = Counter(entry["message_id"] for entry in entries)
            message_bytes = round(statistics.mean(entry["size"] for entry in entries))
            say(f"{len(arrived):,} of {each:,} messages arrived, {message_bytes:,} bytes each.")
            with sinks.forgetting(tools, senders) if tools else nullcontext(ours) as targets:
                crew = Crew(hands, targets, tools)
                turns = [
                    crew.round(queue(to, number), [baseline, *others], message_bytes, say)
                    for number in range(1, rounds + 1)
                ]
                peer_rates = (
                    _peers(Path(folder), urls, targets[0], message_bytes, say) if peers else {}
                )
    return {
        "bench": "send",
        "dkim": dkim,
        **_rates(turns, baseline, others),
        **_ratios_to_peers(turns, peer_rates),
        "lost": each - len(arrived),
        "doubled": sum(arrived.values()) - len(arrived),
        **_costs(turns),
        "sink_bound": not tools
        and max(one.sink_busy for turn in turns for one in turn.values()) > SINK_BUSY,
        "messages": each * rounds,
        "message_bytes": message_bytes,
        "senders": senders,
    }


Turns = Sequence[Mapping[str, Turn]]  # by the name of who had it, round by round


def _rates(turns: Turns, baseline: str, others: Sequence[str]) -> dict[str, Any]:
    ours = [turn[OURS] for turn in turns]
    return {
        "seconds": round(sum(turn.seconds for turn in ours), 1),
        "rate": round(_median_rate(turns, OURS)),
        "baseline": {"name": baseline, "rate": round(_median_rate(turns, baseline))},
        "ratio_baseline": _ratio(turns, baseline),
        "ratios": {name: _ratio(turns, name) for name in others},
        "rates": {name: [round(turn[name].rate) for turn in turns] for name in turns[0]},
    }


def _ratios_to_peers(turns: Turns, rates: Mapping[str, float]) -> dict[str, float]:
    return {
        f"ratio_{peer}": round(_median_rate(turns, OURS) / rate, 1) for peer, rate in rates.items()
    }


def _costs(turns: Turns) -> dict[str, Any]:
    """What our messages took, and how busy the sinks were with them."""
    ours = [turn[OURS] for turn in turns]
    return {
        "cpu_us_per_message": round(statistics.median(turn.cpu_us for turn in ours)),
        "rss_mb": round(max(turn.rss_mb for turn in ours)),
        "sink_busy": round(max(turn.sink_busy for turn in ours), 2),
    }


def _median_rate(turns: Turns, name: str) -> float:
    return statistics.median(turn[name].rate for turn in turns)


def _ratio(turns: Turns, to: str) -> float:
    """Of neighbouring turns, so that a slow minute of the machine weighs on both."""
    return round(statistics.median(turn[OURS].rate / turn[to].rate for turn in turns), 2)


class Crew:
    """The processes that send, and the sinks they write to: one each per sender."""

    def __init__(
        self, hands: Sequence[Hand], targets: Sequence[Sink], postfix: Postfix | None
    ) -> None:
        self._hands, self._sinks, self._postfix = hands, targets, postfix

    def round(
        self,
        campaign: Campaign,
        clients: Sequence[str],
        size: int,
        say: Callable[[str], object],
    ) -> dict[str, Turn]:
        """Send a campaign, then as many messages of its size by each of the clients."""
        count = campaign.recipient_count
        turns = {OURS: self.send(campaign)}
        turns |= {name: self.blast(count, client=name, size=size) for name in clients}
        say(", ".join(f"{name} {turn.rate:,.0f}/s" for name, turn in turns.items()))
        return turns

    def send(self, campaign: Campaign) -> Turn:
        """Send a campaign that is in the outbox, to the end."""
        orders = [{"do": "pump", "port": sink.port} for sink in self._sinks]
        return self._take_turn(orders, campaign.recipient_count, lambda: self._watch(campaign))

    def blast(self, count: int, *, client: str, size: int) -> Turn:
        """Hand over so many messages, ready-made."""
        sinks = self._sinks[:1] if client == SOURCE else self._sinks
        share, rest = divmod(count, len(sinks))
        order: dict[str, Any] = {"do": _ORDERS[client], "size": size}
        if client in (SOURCE, SOURCES) and self._postfix:
            wires = SOURCE_CONNECTIONS if client == SOURCE else WIRES
            order |= {"tool": self._postfix.source, "libraries": self._postfix.environment}
            order |= {"connections": wires}
        orders = [
            {**order, "port": sink.port, "count": share + (number < rest)}
            for number, sink in enumerate(sinks)
        ]
        return self._take_turn(orders, count, lambda: None)

    def _take_turn(
        self, orders: Sequence[dict[str, Any]], count: int, watch: Callable[[], float | None]
    ) -> Turn:
        busy, began = [sink.cpu_seconds for sink in self._sinks], time.time()
        hands = self._hands[: len(orders)]
        for hand, order in zip(hands, orders, strict=True):
            hand.tell(order)
        ended = watch()
        answers = [hand.hear() for hand in hands]
        seconds = (ended or time.time()) - began
        busier = zip(busy, [sink.cpu_seconds for sink in self._sinks], strict=True)
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


def _peers(
    folder: Path, urls: dict[str, str], sink: Sink, size: int, say: Callable[[str], object]
) -> dict[str, float]:
    """How many messages a second other queues for Django send, in an environment made for them."""
    say(f"Installing {', '.join(PEERS.values())} …")
    python = folder / "peers" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder / "peers"], check=True)
    packages = [*PEERS.values(), f"django=={django.__version__}", "psycopg[binary]"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    rates = {}
    for peer in PEERS:
        order = [peer.removeprefix("django_"), urls["DATABASE_URL"], sink.port, PEER_COUNT, size]
        told = subprocess.check_output([python, PEER, *map(str, order)], cwd=folder, text=True)
        answer = json.loads(told.splitlines()[-1])
        if answer["sent"] != PEER_COUNT:
            raise RuntimeError(f"{peer} sent {answer['sent']} of {PEER_COUNT} messages.")
        rates[peer] = PEER_COUNT / answer["seconds"]
        say(f"{peer} {rates[peer]:,.0f}/s")
    return rates


def import_people_of(
    file: Path,
    count: int,
    *,
    person: Callable[[int], Mapping[str, str]] | None = None,
    fields: Mapping[str, FieldKind] = FIELDS,
) -> List:
    """A list of so many people, by way of a file: `person` gives the columns of each."""
    person = person or _person
    workspace = accounts.create_workspace(
        name="Harbour", slug="harbour", postal_address="1 Quay Street, Copenhagen", by=BENCH
    )
    to = people.create_list(workspace, name="Harbour news", slug="news", by=BENCH)
    for key, kind in fields.items():
        people.create_field(workspace, key=key, label=key, kind=kind, by=BENCH)
    delivery.create_sender(workspace, name="Harbour", email="news@harbour.example", by=BENCH)
    with file.open("w", newline="") as text:
        rows = csv.DictWriter(text, list(person(0)))
        rows.writeheader()
        rows.writerows(map(person, range(count)))
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


def _person(number: int) -> dict[str, str]:
    tides = ";".join(
        f"{day} {number % 12:02}:{number % 60:02}" for day in ("Mon", "Tue", "Wed", "Thu", "Fri")
    )
    return {
        "email": f"person-{number}@post.example",
        "first_name": "Zoë",
        "last_name": f"Sørensen {number}",
        "berth": f"B {number % 90}",
        "town": "Copenhagen",
        "boat": "" if number % 3 == 0 else "Colin Archer",
        "length_m": "11.5",
        "berth_since": "2019-04-01",
        "member": "yes" if number % 2 else "no",
        "member_no": str(number),
        "tides": tides,
    }


def queue(to: List, number: int) -> Campaign:
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
