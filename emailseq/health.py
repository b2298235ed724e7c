"""Does everything move that must? One list of checks for `doctor`, /readyz and the dashboard."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_prometheus.exports import ExportToDjangoView
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector
from redis import RedisError

from emailseq.celery import TICKS
from emailseq.lib import clock, sql
from subscribers.models import Cursor

PUMP = "delivery.tasks.pump"
TICK_GRACE_SECONDS = 30
DUE_GRACE_SECONDS = 60
HORIZON_GRACE_SECONDS = 60


class Level(IntEnum):
    """The exit codes of `doctor`."""

    HEALTHY = 0
    DEGRADED = 1
    BROKEN = 2


class Check(NamedTuple):
    """One part of the system, and a sentence about it that says what to do."""

    name: str
    level: Level
    sentence: str


class Pulse(NamedTuple):
    """What `pulse.sql` reads in one statement; ages in seconds."""

    outbox_depth: int
    oldest_due_age: float
    in_doubt: int
    live_pumps: int
    dead_leases: int
    horizon_lag: float
    horizon_pid: int | None
    stray_events: int
    sent_messages: int


def checks() -> list[Check]:
    """Every check, worst news not first but in the order of cause and effect."""
    try:
        pulse = read_pulse()
    except DatabaseError as error:
        return [Check("database", Level.BROKEN, f"PostgreSQL does not answer: {error}".strip())]
    ages = tick_ages()
    return [
        Check("database", Level.HEALTHY, "PostgreSQL answers."),
        _migrations(),
        _valkey(ages),
        _ticks(ages or {}),
        _pumps(pulse, ages or {}),
        _outbox(pulse),
        _doubt(pulse),
        _horizon(pulse),
        *_consumers(),
    ]


def read_pulse() -> Pulse:
    return Pulse._make(*sql.fetch("emailseq", "pulse"))


def tick_ages() -> dict[str, float] | None:
    """Seconds since each tick last ran, by task name; None when Valkey does not answer."""
    tasks = {f"tick:{task}": task for task, _, _ in TICKS.values()}
    try:
        known = cache.get_many(tasks)
    except RedisError:
        return None
    now = clock.now().timestamp()
    return {tasks[key]: max(0.0, now - at) for key, at in known.items()}


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing more is asked, so that a slow database kills no web server."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when nothing is broken, else 503; the body names every check."""
    found = checks()
    broken = any(check.level is Level.BROKEN for check in found)
    body = {check.name: {"level": check.level.name.lower()} for check in found}
    return JsonResponse(body, status=503 if broken else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus; with METRICS_TOKEN set, only to who carries it."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    expected = settings.METRICS_TOKEN
    if expected and not hmac.compare_digest(token.encode(), expected.encode()):
        return HttpResponse("A bearer token is needed.", status=401, content_type="text/plain")
    response: HttpResponse = ExportToDjangoView(request)
    return response


class PulseCollector(Collector):
    """Our own metrics, read from the database when they are scraped: true for any process."""

    def describe(self) -> Iterable[Metric]:
        return ()  # or registering would collect, before the apps are ready

    def collect(self) -> Iterable[Metric]:
        pulse = read_pulse()
        for name, value, text in (
            ("outbox_depth_messages", pulse.outbox_depth, "Messages not finished yet."),
            ("oldest_due_age_seconds", pulse.oldest_due_age, "How late the latest message is."),
            ("in_doubt_messages", pulse.in_doubt, "Messages that may or may not have left."),
            ("live_pumps", pulse.live_pumps, "Pumps with a lease that is alive."),
        ):
            yield GaugeMetricFamily(f"emailseq_delivery_{name}", text, value)
        yield CounterMetricFamily(
            "emailseq_delivery_sent_messages", "Messages sent, ever.", pulse.sent_messages
        )
        yield GaugeMetricFamily(
            "emailseq_subscribers_horizon_lag_seconds",
            "Age of the oldest writing transaction, which all consumers wait for.",
            pulse.horizon_lag,
        )
        yield from _tick_metrics()


def register_metrics() -> None:
    REGISTRY.register(PulseCollector())


def _tick_metrics() -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "emailseq_tick_age_seconds", "Seconds since a tick last ran.", labels=["tick"]
    )
    for task, age in (tick_ages() or {}).items():
        family.add_metric([task], age)
    yield family


def _migrations() -> Check:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        missing = f"{len(plan)} migrations are missing: run `manage.py migrate`."
        return Check("migrations", Level.BROKEN, missing)
    return Check("migrations", Level.HEALTHY, "The schema is up to date.")


def _valkey(ages: dict[str, float] | None) -> Check:
    if ages is None:
        return Check("valkey", Level.BROKEN, "Valkey does not answer: no tick can be scheduled.")
    return Check("valkey", Level.HEALTHY, "Valkey answers.")


def _ticks(ages: dict[str, float]) -> Check:
    seconds = {task: interval for task, interval, _ in TICKS.values() if interval < 60}
    del seconds[PUMP]  # runs for most of a minute; its lease says it is alive
    late = [
        task
        for task, interval in seconds.items()
        if ages.get(task, float("inf")) > TICK_GRACE_SECONDS + interval
    ]
    if late:
        sentence = f"No recent {', '.join(sorted(late))}: is the worker running, and beat?"
        return Check("ticks", Level.BROKEN, sentence)
    return Check("ticks", Level.HEALTHY, "All ticks are running.")


def _pumps(pulse: Pulse, ages: dict[str, float]) -> Check:
    # Between two pumps there is a moment without a lease.
    resting = ages.get(PUMP, float("inf")) < TICK_GRACE_SECONDS
    if not pulse.live_pumps and not resting:
        return Check("sender", Level.BROKEN, "No pump is alive: is a sender running?")
    return Check("sender", Level.HEALTHY, f"Pumps alive: {pulse.live_pumps}.")


def _outbox(pulse: Pulse) -> Check:
    if pulse.oldest_due_age > DUE_GRACE_SECONDS:
        late = f"The oldest due message waits for {pulse.oldest_due_age:.0f} s."
        return Check("outbox", Level.DEGRADED, f"{late} Start more senders.")
    return Check("outbox", Level.HEALTHY, f"Messages in the outbox: {pulse.outbox_depth}.")


def _doubt(pulse: Pulse) -> Check:
    if pulse.in_doubt:
        sentence = f"Messages that may or may not have left: {pulse.in_doubt}. Decide in Delivery."
        return Check("in doubt", Level.DEGRADED, sentence)
    if pulse.dead_leases:
        return Check("in doubt", Level.DEGRADED, "A pump died; the reaper is about to follow it.")
    return Check("in doubt", Level.HEALTHY, "Every message has a known fate.")


def _horizon(pulse: Pulse) -> Check:
    if pulse.horizon_lag > HORIZON_GRACE_SECONDS:
        age = f"A transaction has been writing for {pulse.horizon_lag:.0f} s"
        sentence = f"{age} (pid {pulse.horizon_pid}): consumers wait for it."
        return Check("horizon", Level.DEGRADED, sentence)
    if pulse.stray_events:
        sentence = "Events lie in the DEFAULT partition: the monthly ones were not made in time."
        return Check("horizon", Level.DEGRADED, sentence)
    return Check("horizon", Level.HEALTHY, "Consumers read up to now.")


def _consumers() -> Iterator[Check]:
    for cursor in Cursor.objects.exclude(parked_at=None).order_by("name"):
        reason = cursor.parked_reason.strip().rpartition("\n")[2]
        sentence = f"Cannot handle event {cursor.parked_event_id}, and waits: {reason}"
        yield Check(f"consumer {cursor.name}", Level.BROKEN, sentence)
