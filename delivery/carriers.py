"""Transports as a pump uses them: where they lead, what they carry, how much is allowed."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.conf import settings

from delivery.brakes import WINDOW, Limits
from delivery.models import Transport
from delivery.routing import LaneKey, Route
from delivery.safety import SafeMode
from delivery.services.transports import account_of, server_of, shared_transport
from delivery.transports.http import Account, HttpConnection
from delivery.transports.smtp import Connection, Server


@dataclass(frozen=True)
class Carrier:
    """A transport, read once by a pump. Limits that are None are none."""

    id: int
    route: Route
    server: Server | Account
    rate: float | None
    domain_rate: float | None
    daily: int | None
    warm_up: bool
    max_connections: int | None

    def limits(self, key: LaneKey, *, connections: int) -> Limits:
        """What people have set for one of its lanes; `connections` are those of all pumps."""
        rest = timedelta(seconds=settings.REST_SECONDS)
        if key != key.whole:
            return Limits(rate=self.domain_rate, warm_up=self.warm_up, rest=rest)
        return Limits(
            rate=self.rate,
            daily=self.daily,
            connections=self.max_connections or connections,
            # A lane that is refused stops by itself; half of all answers is more than one lane.
            unwanted=WINDOW // 2,
            rest=rest,
        )


def load(shared: Server) -> list[Carrier]:
    """All transports in use; `shared` is where the one leads that serves every workspace."""
    shared_transport()
    safety = safe_mode()
    return [
        _carrier(transport, _way(transport, shared, safety))
        for transport in Transport.objects.in_use().order_by("id")
    ]


async def connect(carrier: Carrier) -> Connection | HttpConnection:
    """A connection to where a carrier leads. Raises ConnectFailed."""
    if isinstance(carrier.server, Account):
        return await HttpConnection.open(carrier.server)
    return await Connection.open(carrier.server)


def safe_mode() -> SafeMode:
    """What EMAILSEQ_SAFE_MODE says."""
    kind, values = settings.SAFE_MODE
    return SafeMode(
        inbox=Server(**asdict(settings.INBOX), helo=socket.getfqdn()) if kind == "inbox" else None,
        redirect=values[0] if kind == "redirect" else "",
        allow=frozenset(values) if kind == "allow" else frozenset(),
    )


def _way(transport: Transport, shared: Server, safety: SafeMode) -> Server | Account:
    """Where it leads, or safe mode does."""
    if transport.esp:
        return safety.server(account_of(transport))
    return safety.server(server_of(transport, shared=shared))


def _carrier(transport: Transport, server: Server | Account) -> Carrier:
    return Carrier(
        id=transport.pk,
        route=Route(
            transport_id=transport.pk,
            workspace_id=transport.workspace_id,
            message_class=transport.message_class,
            preference=transport.preference,
            weight=transport.weight,
        ),
        server=server,
        rate=transport.rate,
        domain_rate=transport.domain_rate,
        daily=transport.daily,
        warm_up=transport.warm_up,
        max_connections=transport.max_connections,
    )
