"""How many pixels and clicks a second two web workers answer, each of them written down.

Readers hit messages they have never hit before: nothing is warm. In turns with a Django project as
it begins, whose view inserts a row: the same server, database and clients.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from django.db import connection

from accounts import services as accounts
from benchmarks.database import new_database
from benchmarks.ingest import BENCH, HTML, MESSAGES
from delivery.tracking import Links
from emailseq.demo.processes import free_port
from emailseq.embedded.place import dies_with_us
from templates_app import services as templates

WORKERS, CONNECTIONS, LINKS = 2, 16, 20
WARM = 200  # messages that both servers are warmed up with
SERVER = (
    "gunicorn",
    "-k",
    "gthread",
    "--threads",
    "8",
    "--no-control-socket",
    "--keep-alive",
    "60",
)
PEOPLE = """
INSERT INTO subscribers_subscriber (id, workspace_id, uid, email, address_key, first_name,
                                    last_name, time_zone, fields, created_at, updated_at)
SELECT n, %(workspace)s, gen_random_uuid(), n || '@post.example', n || '@post.example', 'Zoë', '',
       '', '{}', now(), now()
  FROM generate_series(%(first)s, %(last)s) AS n
"""
PLAIN = "CREATE TABLE plain_hit (LIKE delivery_hit INCLUDING ALL)"
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/124.0.0.0 Safari/537.36"
)


class Turn(NamedTuple):
    """One turn of the clients: requests a second, and how long they took, in seconds."""

    rate: float
    waits: list[float]


def run(*, size: int, rounds: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Make `size` requests in `rounds`, half of them for pixels; what was measured."""
    with new_database() as urls:
        _make(size // 2 + WARM)
        each = size // rounds // 2
        warm = [*_paths(range(size // 2 + 1, size // 2 + 1 + WARM))]
        with _serving("emailseq.wsgi", urls) as ours, _serving("benchmarks.plain", urls) as plain:
            _turn(ours, warm)
            _turn(plain, [f"/o/{pk}" for pk in range(len(warm))])
            turns = list[Turn]()
            theirs = list[Turn]()
            for number in range(rounds):
                ids = range(1 + number * each, 1 + (number + 1) * each)
                turns.append(_turn(ours, [*_paths(ids)]))
                theirs.append(_turn(plain, [f"/o/{pk}" for pk in ids for _ in range(2)]))
                say(f"{turns[-1].rate:,.0f} requests/s, plain {theirs[-1].rate:,.0f}")
        waits = sorted(wait for turn in turns for wait in turn.waits)
        return {
            "bench": "tracking",
            "seconds": round(sum(2 * each / turn.rate for turn in turns), 1),
            "rate": round(statistics.median(turn.rate for turn in turns)),
            "baseline": {
                "name": "a Django project as it begins, whose view inserts a row",
                "rate": round(statistics.median(turn.rate for turn in theirs)),
            },
            "ratio_baseline": round(
                statistics.median(
                    one.rate / other.rate for one, other in zip(turns, theirs, strict=True)
                ),
                2,
            ),
            "rates": [[round(turn.rate) for turn in one] for one in (turns, theirs)],
            "p50_ms": round(statistics.median(waits) * 1000, 1),
            "p99_ms": round(waits[int(len(waits) * 0.99)] * 1000, 1),
            "lost": len(waits) + len(warm) - _count("delivery_hit"),
            "requests": len(waits),
            "connections": CONNECTIONS,
            "workers": WORKERS,
        }


def _make(messages: int) -> None:
    """Messages that have left, each to a person of its own."""
    workspace = accounts.create_workspace(name="Harbour", slug="harbour", by=BENCH)
    template = templates.create_template(
        workspace, name="News", slug="news", subject="News", html=HTML, by=BENCH
    )
    version = templates.publish(template, by=BENCH)
    place = {"workspace": workspace.pk, "version": version.pk, "first": 1, "last": messages}
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in (PEOPLE, MESSAGES, PLAIN):
            cursor.execute(statement, place)
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def _paths(ids: Sequence[int]) -> Iterator[str]:
    """For each message its pixel and one of its links."""
    for pk in ids:
        links = Links("", pk)
        yield from (links.open_pixel, links.click(pk % LINKS))


@contextmanager
def _serving(application: str, urls: Mapping[str, str]) -> Iterator[int]:
    """A web server of its own, for the duration of the block; its port."""
    port = free_port(8700)
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", *SERVER, "-w", str(WORKERS), "--log-level", "warning"),
            *("-b", f"127.0.0.1:{port}", application),
        ],
        env={**os.environ, **urls, "ALLOWED_HOSTS": "127.0.0.1", "LOG_LEVEL": "INFO"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # the log of requests
        preexec_fn=dies_with_us(signal.SIGTERM),
    )
    try:
        asyncio.run(_wait_for(port))
        yield port
    finally:
        server.terminate()
        server.wait(30)


async def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError("The web server does not start.")


def _turn(port: int, paths: Sequence[str]) -> Turn:
    began = time.monotonic()
    waits = asyncio.run(_ask_all(port, paths))
    return Turn(len(paths) / (time.monotonic() - began), waits)


async def _ask_all(port: int, paths: Sequence[str]) -> list[float]:
    loop = asyncio.get_running_loop()
    readers = [_Reader(loop, paths[place::CONNECTIONS]) for place in range(CONNECTIONS)]
    for reader in readers:
        await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", port)  # type: ignore[misc]
    return [wait for reader in readers for wait in await reader.done]


class _Reader(asyncio.Protocol):
    """Asks for one path after the other on its connection, and notes how long each took.

    As little as a client can do: it shares its cores with the servers.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, paths: Sequence[str]) -> None:
        self._paths, self._waits, self._answer = iter(paths), list[float](), b""
        self.done: asyncio.Future[list[float]] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(_LENGTH.search(head)[1]):  # type: ignore[index]
            return
        self._waits.append(time.monotonic() - self._began)
        if head[9:12] not in (b"200", b"302"):
            self.done.set_exception(RuntimeError(head.decode()))
        self._ask()

    def connection_lost(self, reason: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(reason or RuntimeError("The server has hung up."))

    def _ask(self) -> None:
        self._answer, self._began = b"", time.monotonic()
        if path := next(self._paths, None):
            self._transport.write(_REQUEST % path.encode())
        elif not self.done.done():
            self.done.set_result(self._waits)
            self._transport.close()


_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_REQUEST = f"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT}\r\n\r\n".encode()


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])
