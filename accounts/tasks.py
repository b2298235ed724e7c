from __future__ import annotations

from celery import shared_task

from accounts import idempotency, services


@shared_task
def forget_answers() -> int:
    return idempotency.forget()


@shared_task
def forget_tokens() -> int:
    return services.forget_tokens()
