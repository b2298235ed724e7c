"""The alarm clock. Tasks carry no truth: a tick that is lost is made good by the next one."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import task_success
from django.core.cache import cache

from emailseq.lib import clock

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "emailseq.settings")

app = Celery("emailseq")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    task_time_limit=120,
    task_default_queue="tick",
    # Pumps run for most of a minute: in a worker of their own they never starve the ticks.
    task_routes={
        "delivery.tasks.pump": {"queue": "send"},
        "delivery.tasks.call_webhooks": {"queue": "webhook"},
        "delivery.tasks.read_mailboxes": {"queue": "webhook"},
        "delivery.tasks.forward_answers": {"queue": "webhook"},
        "delivery.tasks.send_specimens": {"queue": "webhook"},
    },
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "socket_timeout": 10,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
    worker_hijack_root_logger=False,
)

# Every tick: its interval in seconds. One that waits longer than that is dropped: the next is due.
TICKS: dict[str, tuple[str, float, tuple[Any, ...]]] = {
    "advance": ("sequences.tasks.advance", 1, ()),
    "start-by-dates": ("sequences.tasks.start_by_dates", 60, ()),
    "backfill": ("sequences.tasks.fill_up", 10, ()),
    "judge-trials": ("sequences.tasks.judge_trials", 120, ()),
    "resume": ("sequences.tasks.resume", 10, ()),
    "transfer": ("sequences.tasks.transfer", 1, ()),
    "fill": ("campaigns.tasks.fill", 1, ()),
    "pump": ("delivery.tasks.pump", 1, ()),
    "drain-hits": ("delivery.tasks.drain_hits", 1, ()),
    "feed-sequences": ("subscribers.tasks.feed_consumer", 1, ("sequences",)),
    "feed-confirmations": ("subscribers.tasks.feed_consumer", 1, ("confirmations",)),
    "feed-welcomes": ("subscribers.tasks.feed_consumer", 1, ("welcomes",)),
    "feed-bounces": ("subscribers.tasks.feed_consumer", 1, ("bounces",)),
    "take-sign-ups": ("subscribers.tasks.take_sign_ups", 1, ()),
    "import-people": ("subscribers.tasks.import_people", 1, ()),
    "forget-import-files": ("subscribers.tasks.forget_import_files", 3600, ()),
    "refresh-segments": ("subscribers.tasks.refresh_segments", 5, ()),
    "feed-domains": ("subscribers.tasks.feed_consumer", 1, ("domains",)),
    "feed-links": ("subscribers.tasks.feed_consumer", 1, ("links",)),
    "feed-engagement": ("subscribers.tasks.feed_consumer", 5, ("engagement",)),
    "feed-rollups": ("subscribers.tasks.feed_consumer", 1, ("rollups",)),
    "feed-habits": ("subscribers.tasks.feed_consumer", 5, ("habits",)),
    "feed-shares": ("subscribers.tasks.feed_consumer", 1, ("shares",)),
    "feed-conversions": ("subscribers.tasks.feed_consumer", 5, ("conversions",)),
    "feed-webhooks": ("delivery.tasks.feed_webhooks", 1, ()),
    "call-webhooks": ("delivery.tasks.call_webhooks", 1, ()),
    "forget-webhook-calls": ("delivery.tasks.forget_webhook_calls", 600, ()),
    "apply-callbacks": ("delivery.tasks.apply_callbacks", 1, ()),
    "send-tests": ("delivery.tasks.send_specimens", 1, ()),
    "forward-answers": ("delivery.tasks.forward_answers", 10, ()),
    "read-mailboxes": ("delivery.tasks.read_mailboxes", 10, ()),
    "forget-callbacks": ("delivery.tasks.forget_callbacks", 600, ()),
    "reap": ("delivery.tasks.reap", 10, ()),
    "forget-answers": ("accounts.tasks.forget_answers", 60, ()),
    "forget-tokens": ("accounts.tasks.forget_tokens", 3600, ()),
    "tell-alerts": ("emailseq.tasks.tell_alerts", 60, ()),
    "send-summaries": ("emailseq.tasks.send_summaries", 600, ()),
    "forget-event-details": ("subscribers.tasks.forget_event_details", 10, ()),
    "forget-event-keys": ("subscribers.tasks.forget_event_keys", 60, ()),
    "brake-campaigns": ("campaigns.tasks.brake", 60, ()),
    "judge-campaigns": ("campaigns.tasks.judge", 60, ()),
    "brake-sequences": ("sequences.tasks.brake", 60, ()),
    "look-up-domains": ("delivery.tasks.look_up_domains", 10, ()),
    "check-domains": ("delivery.tasks.check_domains", 60, ()),
    "event-partitions": ("subscribers.tasks.make_event_partitions", 3600, ()),
    "ledger-partitions": ("delivery.tasks.make_ledger_partitions", 3600, ()),
}
app.conf.beat_schedule = {
    name: {"task": task, "schedule": seconds, "args": arguments, "options": {"expires": seconds}}
    for name, (task, seconds, arguments) in TICKS.items()
}


@task_success.connect
def note_tick(sender: Any = None, **_: Any) -> None:
    """Remember when a tick last ran, for the probes; lost with the cache, and soon relearnt."""
    cache.set(f"tick:{sender.name}", clock.now().timestamp(), timeout=3600)
