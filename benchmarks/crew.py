"""The processes of a benchmark: each does what a line on stdin says, and answers with a line.

{"do": "pump", "port": 2525}                              until SIGUSR1
{"do": "blast", "port": 2525, "count": 1000, "size": 20000}
{"do": "smtplib", "port": 2525, "count": 1000, "size": 20000}
{"do": "source", "port": 2525, "count": 1000, "size": 20000, "tool": …, …}
{"do": "advance"}                                         until no run is due
{"do": "drain", "count": 1000}                            until so many hits are judged
{"do": "count", "count": 1000}                            until so many events are counted
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from asgiref.sync import sync_to_async

from delivery import engine, hits
from delivery.transports.smtp import Connection, Envelope, Server, WireOutcome
from emailseq.embedded.place import dies_with_us
from sequences import engine as sequences
from subscribers import feed

READY_MADE = "ready-made@harbour.example"  # whom the baseline writes to
LAUNCH = "import django; django.setup(); from benchmarks import crew; crew.work()"


class Hand:
    """One of these processes, seen from the one that gives orders."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
            preexec_fn=dies_with_us(signal.SIGKILL),
        )

    def dismiss(self) -> None:
        """It is over: the process ends."""
        self.process.terminate()
        self.process.communicate()

    def tell(self, order: Mapping[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{json.dumps(order)}\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, float]:
        """What the order took: `cpu` seconds, and the `rss_mb` of the process at its largest."""
        assert self.process.stdout
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer


def work() -> None:
    """Follow orders until stdin ends."""
    _answer(cpu=0)
    for line in sys.stdin:
        order = json.loads(line)
        began = time.process_time()
        asyncio.run(_WORK[order.pop("do")](**order))
        _answer(cpu=time.process_time() - began)


async def _pump(port: int) -> None:
    dismissed: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, _: dismissed.append(number))
    await engine.pump(_server(port), seconds=3600, stopping=lambda: bool(dismissed))


async def _blast(port: int, count: int, size: int) -> None:
    """The baseline: our client and nothing else, on as many connections as a pump has."""
    message = _ready_made(size)
    share, rest = divmod(count, engine.WIRES)
    shares = [share + (wire < rest) for wire in range(engine.WIRES)]
    await asyncio.gather(*(_hand_over(port, share, message) for share in shares))


async def _hand_over(port: int, count: int, message: bytes) -> None:
    outcomes: list[WireOutcome] = []
    connection = await Connection.open(_server(port))
    batch = [Envelope(0, READY_MADE, READY_MADE, message)] * count
    await connection.send(batch, report=lambda result: outcomes.append(result.outcome))
    await connection.aclose()
    assert outcomes == [WireOutcome.ACCEPTED] * count


async def _smtplib(port: int, count: int, size: int) -> None:
    """What Python's own client does, likewise alone. More connections change little."""
    message = _ready_made(size)
    with smtplib.SMTP("127.0.0.1", port, local_hostname="bench.example") as client:
        for _ in range(count):
            client.sendmail(READY_MADE, READY_MADE, message)


async def _source(
    port: int, count: int, size: int, connections: int, tool: str, libraries: dict[str, str]
) -> None:
    """Postfix's client on connections that it keeps."""
    sizes = ("-d", "-s", str(connections), "-m", str(count), "-l", str(size))
    people = ("-f", READY_MADE, "-t", READY_MADE)
    process = await asyncio.create_subprocess_exec(
        tool, *sizes, *people, f"127.0.0.1:{port}", env={**os.environ, **libraries}
    )
    if await process.wait():
        raise RuntimeError("smtp-source failed.")


async def _advance() -> None:
    while await sync_to_async(sequences.advance)():
        pass


async def _drain(count: int) -> None:
    while count > 0:
        count -= await sync_to_async(hits.drain)()


async def _count(count: int) -> None:
    while count > 0:
        count -= await sync_to_async(feed.run)("rollups")


def _ready_made(size: int) -> bytes:
    head = f"From: {READY_MADE}\r\nTo: {READY_MADE}\r\nSubject: Ready\r\n\r\n".encode()
    return head + (b"x" * 74 + b"\r\n") * ((size - len(head)) // 76)


def _server(port: int) -> Server:
    return Server(host="127.0.0.1", port=port, helo="bench.example")


def _answer(*, cpu: float) -> None:
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 2**20 if sys.platform == "darwin" else 2**10
    sys.stdout.write(json.dumps({"cpu": cpu, "rss_mb": rss / unit}) + "\n")
    sys.stdout.flush()


_WORK: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "pump": _pump,
    "blast": _blast,
    "smtplib": _smtplib,
    "source": _source,
    "advance": _advance,
    "drain": _drain,
    "count": _count,
}
