from __future__ import annotations

from celery import shared_task

from accounts import idempotency, services
from accounts.services import lockout


@shared_task
def forget_answers() -> int:
    return idempotency.forget()


@shared_task
def forget_tokens() -> int:
    return services.forget_tokens() + lockout.forget()
