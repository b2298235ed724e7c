"""Does everything move that must? One list of checks for `doctor`, /readyz and the dashboard."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import IntEnum
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_prometheus.exports import ExportToDjangoView
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector
from redis import RedisError

from delivery.models import Callback, Forward, Lane, Mailbox, SendingPause
from delivery.services import stops
from delivery.states import LaneState
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
    failing_domains: int


def checks() -> list[Check]:
    """Every check, worst news not first but in the order of cause and effect."""
    try:
        pulse = read_pulse()
    except DatabaseError as error:
        return [Check("database", Level.BROKEN, f"PostgreSQL does not answer: {error}".strip())]
    return _checks(pulse, tick_ages())


def _checks(pulse: Pulse, ages: dict[str, float] | None) -> list[Check]:
    return [
        Check("database", Level.HEALTHY, "PostgreSQL answers."),
        _migrations(),
        _valkey(ages),
        _ticks(ages or {}),
        _sending(),
        _pumps(pulse, ages or {}),
        _outbox(pulse),
        _doubt(pulse),
        _lanes(),
        _domains(pulse),
        _coming_back(),
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
            ("delivery_outbox_depth_messages", pulse.outbox_depth, "Messages not finished yet."),
            ("delivery_oldest_due_age_seconds", pulse.oldest_due_age, "Lateness of the latest."),
            ("delivery_in_doubt_messages", pulse.in_doubt, "They may or may not have left."),
            ("delivery_live_pumps", pulse.live_pumps, "Pumps with a lease that is alive."),
            ("subscribers_horizon_lag_seconds", pulse.horizon_lag, "What all consumers wait for."),
        ):
            yield GaugeMetricFamily(f"emailseq_{name}", text, value)
        yield CounterMetricFamily(
            "emailseq_delivery_sent_messages", "Messages sent, ever.", pulse.sent_messages
        )
        ages = tick_ages()
        yield _check_metrics(_checks(pulse, ages))
        yield _tick_metrics(ages or {})
        yield _lane_metrics()


def register_metrics() -> None:
    REGISTRY.register(PulseCollector())


def _check_metrics(found: Iterable[Check]) -> Metric:
    family = GaugeMetricFamily(
        "emailseq_check_level",
        "What `doctor` says: 0 healthy, 1 degraded, 2 broken.",
        labels=["check"],
    )
    for check in found:
        family.add_metric([check.name], check.level)
    return family


def _tick_metrics(ages: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(
        "emailseq_tick_age_seconds", "Seconds since a tick last ran.", labels=["tick"]
    )
    for task, age in ages.items():
        family.add_metric([task], age)
    return family


def _lane_metrics() -> Metric:
    family = GaugeMetricFamily(
        "emailseq_delivery_lanes", "Lanes of transports in use, by state.", labels=["state"]
    )
    lanes = Lane.objects.filter(transport__archived_at=None)
    found = dict(lanes.values_list("state").annotate(Count("id")).order_by())
    for state in LaneState.values:
        family.add_metric([state], found.get(state, 0))
    return family


def _migrations() -> Check:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    sentence = f"{missing} migrations are missing: run `manage.py migrate`."
    return _check("migrations", "The schema is up to date.", (missing, Level.BROKEN, sentence))


def _valkey(ages: dict[str, float] | None) -> Check:
    sentence = "Valkey does not answer: no tick can be scheduled."
    return _check("valkey", "Valkey answers.", (ages is None, Level.BROKEN, sentence))


def _ticks(ages: dict[str, float]) -> Check:
    seconds = {task: interval for task, interval, _ in TICKS.values() if interval < 60}
    del seconds[PUMP]  # runs for most of a minute; its lease says it is alive
    late = [
        task
        for task, interval in seconds.items()
        if ages.get(task, float("inf")) > TICK_GRACE_SECONDS + interval
    ]
    sentence = f"No recent {', '.join(sorted(late))}: is the worker running, and beat?"
    return _check("ticks", "All ticks are running.", (late, Level.BROKEN, sentence))


def _pumps(pulse: Pulse, ages: dict[str, float]) -> Check:
    # Between two pumps there is a moment without a lease.
    resting = ages.get(PUMP, float("inf")) < TICK_GRACE_SECONDS
    dead = not pulse.live_pumps and not resting
    sentence = "No pump is alive: is a sender running?"
    return _check("sender", f"Pumps alive: {pulse.live_pumps}.", (dead, Level.BROKEN, sentence))


def _outbox(pulse: Pulse) -> Check:
    late = pulse.oldest_due_age > DUE_GRACE_SECONDS
    waits = f"The oldest due message waits for {pulse.oldest_due_age:.0f} s. Start more senders."
    depth = f"Messages in the outbox: {pulse.outbox_depth}."
    return _check("outbox", depth, (late, Level.DEGRADED, waits))


def _doubt(pulse: Pulse) -> Check:
    doubt = f"Messages that may or may not have left: {pulse.in_doubt}. Decide in Delivery."
    died = "A pump died; the reaper is about to follow it."
    return _check(
        "in doubt",
        "Every message has a known fate.",
        (pulse.in_doubt, Level.DEGRADED, doubt),
        (pulse.dead_leases, Level.DEGRADED, died),
    )


def _domains(pulse: Pulse) -> Check:
    failing = f"Sending domains that lost a record: {pulse.failing_domains}. Look into Delivery."
    return _check(
        "domains",
        "No sending domain is failing.",
        (pulse.failing_domains, Level.DEGRADED, failing),
    )


def _coming_back() -> Check:
    late = clock.now() - timedelta(seconds=DUE_GRACE_SECONDS)
    waiting = Callback.objects.filter(due_at__lt=late).exists()
    parked = Callback.objects.parked()[:1000].count()
    failing = [f"{each} ({each.fault[:100]})" for each in Mailbox.objects.failing()[:3]]
    stuck = [f"{each}: {each.fault}" for each in Forward.objects.parked()[:1]]
    kept = f"Callbacks kept aside: {parked}. `manage.py callbacks --parked` says why."
    return _check(
        "coming back",
        "What comes back is read.",
        (failing, Level.DEGRADED, f"Mailboxes that cannot be read: {'; '.join(failing)}."),
        (waiting, Level.DEGRADED, "Callbacks wait for a tick that does not come."),
        (parked, Level.DEGRADED, kept),
        (stuck, Level.DEGRADED, f"Not handed on: {' '.join(stuck)}"),
    )


def _lanes() -> Check:
    closed = list(Lane.objects.closed().select_related("transport").order_by("-until", "id")[:4])
    named = [f"{lane} is {lane.state} ({lane.reason[:100]})" for lane in closed[:3]]
    more = ", and more" if len(closed) > 3 else ""
    sentence = f"{'; '.join(named)}{more}. See Delivery > Lanes."
    return _check("lanes", "All lanes are open.", (closed, Level.DEGRADED, sentence))


def _horizon(pulse: Pulse) -> Check:
    lags = pulse.horizon_lag > HORIZON_GRACE_SECONDS
    age = f"A transaction has been writing for {pulse.horizon_lag:.0f} s"
    holder = f"{age} (pid {pulse.horizon_pid}): consumers wait for it."
    stray = "Events lie in the DEFAULT partition: the monthly ones were not made in time."
    return _check(
        "horizon",
        "Consumers read up to now.",
        (lags, Level.DEGRADED, holder),
        (pulse.stray_events, Level.DEGRADED, stray),
    )


def _sending() -> Check:
    fence, safe = stops.fence(), settings.SAFE_MODE[0]
    pauses = [
        f"{pause.workspace or 'everybody'}: {pause.reason}"
        for pause in SendingPause.objects.select_related("workspace")
    ]
    return _check(
        "sending",
        "Messages may leave.",
        (fence, Level.DEGRADED, f"{fence} Nothing leaves until `manage.py release_fence`."),
        (safe != "off", Level.DEGRADED, f"Safe mode is on: {safe}."),
        (pauses, Level.DEGRADED, f"Paused for {'; '.join(pauses)}"),
    )


def _check(name: str, well: str, *faults: tuple[object, Level, str]) -> Check:
    """The first of the faults that is there, or `well`."""
    for there, level, sentence in faults:
        if there:
            return Check(name, level, sentence)
    return Check(name, Level.HEALTHY, well)


def _consumers() -> Iterator[Check]:
    for cursor in Cursor.objects.exclude(parked_at=None).order_by("name"):
        reason = cursor.parked_reason.strip().rpartition("\n")[2]
        sentence = f"Cannot handle event {cursor.parked_event_id}, and waits: {reason}"
        yield Check(f"consumer {cursor.name}", Level.BROKEN, sentence)
