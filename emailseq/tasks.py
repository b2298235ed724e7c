from __future__ import annotations

from celery import shared_task

from emailseq import alerts, summaries


@shared_task
def tell_alerts() -> int:
    return alerts.tell()


@shared_task
def send_summaries() -> int:
    return summaries.send_due()
