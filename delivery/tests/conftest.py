from __future__ import annotations

import asyncio
import json
import threading

import pytest
from django.db import connection

from delivery import forwarding, lease, specimens
from delivery.ready import Ready
from delivery.sink import Sink
from delivery.tests.names import NameServer
from delivery.tests.wire import Wire
from delivery.transports.smtp import Server


@pytest.fixture
def wire(tmp_path):
    return Wire(tmp_path)


@pytest.fixture
def sink(tmp_path, monkeypatch):
    """A mail server, where messages are handed over."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def do(what):
        return asyncio.run_coroutine_threadsafe(what, loop).result(10)

    sink = Sink(journal=tmp_path / "journal", keep=tmp_path / "mail")
    do(sink.start())
    server = Server(host=sink.host, port=sink.port, helo="test.example")
    for module in (forwarding, specimens):
        monkeypatch.setattr(module, "shared_server", lambda: server)
    yield sink
    do(sink.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def arrived(sink, tmp_path):
    """(from, to, mail) of everything that was handed over."""

    def read():
        lines = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
        lines = [line for line in lines if line["code"] == 250]
        mails = [path.read_bytes() for path in sorted((tmp_path / "mail").glob("*.eml"))]
        return [(line["from"], line["rcpt"], each) for line, each in zip(lines, mails, strict=True)]

    return read


@pytest.fixture
def names(settings):
    """The name server that checks ask, and an installation that it can approve of."""
    settings.SPF_MECHANISMS = ("ip4:192.0.2.1",)
    settings.TRACKING_URL = "https://links.harbour.example"
    with NameServer() as server:
        settings.DNS_SERVERS = [server.address]
        yield server


@pytest.fixture
def taken(monkeypatch):
    """How many messages each micro-batch was of."""
    take, sizes = Ready.take, []

    async def note(ready, *args, **options):
        if batch := await take(ready, *args, **options):
            sizes.append(len(batch.letters))
        return batch

    monkeypatch.setattr(Ready, "take", note)
    return sizes


@pytest.fixture
def before_mark(monkeypatch):
    """Run something on a connection of its own, to its commit, just before the wire mark."""

    def arrange(act):
        fetch = lease.Lease.fetch
        pending = [act]

        async def fetch_after(self, name, parameters):
            if name == "mark" and pending:
                await asyncio.to_thread(_on_own_connection, pending.pop())
            return await fetch(self, name, parameters)

        monkeypatch.setattr(lease.Lease, "fetch", fetch_after)

    return arrange


def _on_own_connection(act):
    try:
        act()
    finally:
        connection.close()
