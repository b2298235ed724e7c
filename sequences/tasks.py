from __future__ import annotations

from celery import shared_task

from sequences import engine
from sequences.services import backfill, dates, lifecycle, resuming, trials
from sequences.services.transfer import transfer as transfer_people


@shared_task
def advance() -> int:
    return engine.advance()


@shared_task
def brake() -> int:
    return lifecycle.brake_sequences()


@shared_task
def start_by_dates() -> int:
    return dates.start_by_dates()


@shared_task
def fill_up() -> int:
    return backfill.go_on()


@shared_task
def judge_trials() -> int:
    return trials.judge_all()


@shared_task
def resume() -> int:
    return resuming.go_on()


@shared_task
def transfer() -> int:
    return transfer_people()
