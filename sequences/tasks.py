from __future__ import annotations

from celery import shared_task

from sequences import engine


@shared_task
def advance() -> int:
    return engine.advance()
