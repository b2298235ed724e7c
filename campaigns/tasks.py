from __future__ import annotations

from celery import shared_task

from campaigns import engine, judging, recurring


@shared_task
def fill() -> int:
    recurring.make_due()
    engine.start()
    filled = engine.fill()
    engine.finish()
    return filled


@shared_task
def brake() -> int:
    return engine.brake()


@shared_task
def judge() -> int:
    return judging.judge_all()
