from __future__ import annotations

import asyncio

from celery import shared_task
from celery.worker import state as worker
from django.core.cache import cache

from delivery import (
    callbacks,
    engine,
    forwarding,
    groups,
    hits,
    mailboxes,
    reaper,
    specimens,
    webhooks,
)
from delivery.models import WebhookEndpoint
from delivery.services import domains, stops, transactional
from delivery.services.feedback import settle_doubts
from delivery.services.transports import shared_server
from delivery.services.webhooks import CONSUMER
from emailseq.lib import clock, partitions
from subscribers import feed

PUMP_SECONDS = 45


@shared_task
def pump() -> int:
    """Runs for most of a minute; the next tick takes over. SIGTERM ends it within seconds."""
    if stops.move_in():
        return 0
    return asyncio.run(engine.pump(shared_server(), seconds=PUMP_SECONDS, stopping=_is_stopping))


@shared_task
def reap() -> int:
    return reaper.reap() + hits.forget()


@shared_task
def drain_hits() -> int:
    return hits.drain()


@shared_task
def apply_callbacks() -> int:
    return callbacks.apply() + settle_doubts()


@shared_task
def read_mailboxes() -> int:
    """Runs for seconds where servers are slow: one at a time, so that the ticks have room."""
    if not cache.add("mailboxes:running", True, timeout=90):
        return 0
    try:
        return mailboxes.read_due()
    finally:
        cache.delete("mailboxes:running")


@shared_task
def forward_answers() -> int:
    return 0 if stops.move_in() else forwarding.send_due()


@shared_task
def send_specimens() -> int:
    return 0 if stops.move_in() else specimens.send_due()


@shared_task
def forget_callbacks() -> int:
    return callbacks.forget() + transactional.forget() + specimens.forget()


@shared_task
def check_domains() -> int:
    return domains.retire_keys() + domains.check_due()


@shared_task
def look_up_domains() -> int:
    return groups.look_up()


@shared_task
def make_ledger_partitions() -> int:
    return partitions.make_ahead("delivery_ledger", now=clock.now())


def _is_stopping() -> bool:
    """Celery notes a signal to stop as an exit code, which may be 0; None and False mean: go on."""
    flags: tuple[object, ...] = (worker.should_stop, worker.should_terminate)
    return any(flag is not None and flag is not False for flag in flags)


@shared_task
def feed_webhooks() -> int:
    """While nobody listens, nobody reads the log for them."""
    listening = WebhookEndpoint.objects.enabled().exists()
    return feed.run(CONSUMER) if listening else 0


@shared_task
def call_webhooks() -> int:
    """Runs for seconds where receivers are slow: one at a time, so that the ticks have room."""
    if stops.move_in() or not cache.add("webhooks:running", True, timeout=60):
        return 0
    try:
        return webhooks.deliver()
    finally:
        cache.delete("webhooks:running")


@shared_task
def forget_webhook_calls() -> int:
    """And while nobody listens, what has happened meanwhile is nobody's news."""
    if not WebhookEndpoint.objects.enabled().exists():
        feed.skip(CONSUMER)
    return webhooks.forget()
