from __future__ import annotations

import asyncio
import socket
from dataclasses import asdict

from celery import shared_task
from celery.worker import state as worker
from django.conf import settings

from delivery import engine, hits
from delivery.transports.smtp import Server
from emailseq.lib import clock, partitions

PUMP_SECONDS = 45


@shared_task
def pump() -> int:
    """Runs for most of a minute; the next tick takes over. SIGTERM ends it within seconds."""
    return asyncio.run(
        engine.pump(
            Server(**asdict(settings.EMAIL_URL), helo=socket.getfqdn()),
            seconds=PUMP_SECONDS,
            stopping=_is_stopping,
        )
    )


@shared_task
def reap() -> int:
    return engine.reap() + hits.forget()


@shared_task
def drain_hits() -> int:
    return hits.drain()


@shared_task
def make_ledger_partitions() -> int:
    return partitions.make_ahead("delivery_ledger", now=clock.now())


def _is_stopping() -> bool:
    """Celery notes a signal to stop as an exit code, which may be 0; None and False mean: go on."""
    flags: tuple[object, ...] = (worker.should_stop, worker.should_terminate)
    return any(flag is not None and flag is not False for flag in flags)
