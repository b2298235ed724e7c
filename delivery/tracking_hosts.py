"""Hosts of workspaces' own that links lead by: which are ours, and the proof that they lead here.

The table is kept in the process: no request asks PostgreSQL for it, and links work while it
restarts.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from math import inf
from typing import NamedTuple

from django.db import DatabaseError
from django.db.models import F

from delivery.models import SendingDomain
from emailseq.lib import http, signing

PROOF_URL = "https://{host}/h"
# What a request by such a host carries: its name, and whose it is. No header can say so.
HOST, WORKSPACE = "emailseq.tracking_host", "emailseq.tracking_workspace"
KEPT_SECONDS, SOONEST_SECONDS = 60.0, 1.0


class TrackingHost(NamedTuple):
    """Whose host it is; before it has proved that it leads here, it may do only that."""

    workspace_id: int
    proved: bool


class _Table:
    def __init__(self) -> None:
        self._hosts: dict[str, TrackingHost] = {}
        self._read_at = -inf

    def find(self, host: str) -> TrackingHost | None:
        age = time.monotonic() - self._read_at
        if age > KEPT_SECONDS or (age > SOONEST_SECONDS and host not in self._hosts):
            self.read()
        return self._hosts.get(host)

    def read(self) -> None:
        """Those that have proved it come last, and win over whoever only claims the name."""
        named = SendingDomain.objects.exclude(tracking_host="").order_by(
            F("tracking_proved_at").desc(nulls_first=True)
        )
        try:
            self._hosts = {
                host: TrackingHost(workspace_id, proved_at is not None)
                for host, workspace_id, proved_at in named.values_list(
                    "tracking_host", "workspace_id", "tracking_proved_at"
                )
            }
        except DatabaseError:
            return  # what was known before will do
        self._read_at = time.monotonic()


_table = _Table()


def find(host: str) -> TrackingHost | None:
    """Whose host it is; None for one that nobody has named. Up to a minute behind."""
    return _table.find(host)


def refresh() -> None:
    """Read the table anew, in this process."""
    _table.read()


def proof(host: str) -> bytes:
    """What only this installation answers under that name."""
    return signing.digest("tracking-host", host.encode()).hex().encode()


def prove(host: str) -> str:
    """What is wrong with a host that should lead here over https; nothing, if it does."""
    try:
        answer = asyncio.run(http.post(PROOF_URL.format(host=host), content=b"", headers={}))
    except (http.Forbidden, http.Unreachable) as error:
        return f"Nobody answers over https, with a certificate of that name: {error}"
    if answer.status == 200 and hmac.compare_digest(answer.body.strip(), proof(host)):
        return ""
    return (
        "Somebody else answers there. Let it lead here, by a proxy that passes the Host header on "
        "as it is."
    )
