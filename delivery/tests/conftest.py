from __future__ import annotations

import asyncio

import pytest
from django.db import connection

from delivery import lease
from delivery.ready import Ready
from delivery.tests.names import NameServer
from delivery.tests.wire import Wire


@pytest.fixture
def wire(tmp_path):
    return Wire(tmp_path)


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
