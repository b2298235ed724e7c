from __future__ import annotations

from celery import shared_task

from emailseq.lib import clock, partitions
from subscribers import feed, retention, services
from subscribers.imports import parts, work
from subscribers.segments import refresh


@shared_task
def feed_consumer(name: str) -> int:
    return feed.run(name)


@shared_task
def make_event_partitions() -> int:
    return partitions.make_ahead("subscribers_event", now=clock.now())


@shared_task
def forget_event_keys() -> int:
    return services.forget_event_keys()


@shared_task
def forget_event_details() -> int:
    return retention.forget_details()


@shared_task
def take_sign_ups() -> int:
    return services.take_sign_ups()


@shared_task
def refresh_segments() -> int:
    return refresh.refresh_due()


@shared_task(time_limit=900)
def import_people() -> int:
    return work.go_on()


@shared_task
def forget_import_files() -> int:
    return parts.forget_old()
