"""Webhooks, from an event of the log to the receiver's 2xx (Standard Webhooks 1.0).

    tell (a consumer of the log) -> claim -> POST -> record

One row is one event for one endpoint, committed together with the consumer's cursor, so none is
skipped and none is told twice, whatever is killed; a receiver may still hear one twice, when its
answer is lost, and knows it by `webhook-id`. Each endpoint is served by itself: a slow one makes
nobody else wait, and one that keeps failing rests.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from hmac import digest
from random import uniform
from typing import Any, NamedTuple
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction

from delivery.models import Source, WebhookAttempt, WebhookCall, WebhookEndpoint
from delivery.services import webhooks as services
from delivery.states import CALL_MOVES, EndpointState
from emailseq.lib import clock, http, ids, sql, state
from emailseq.lib.encrypted import Secret
from subscribers import kinds
from subscribers.models import Event, Subscriber

RETRIES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 86_400)
)
PATIENCE = 3  # failed tries for which a person's later events wait behind one
AT_ONCE = 8  # calls to one endpoint under way
ENDPOINTS = 50  # that are served at once
LEASE = timedelta(seconds=http.DEADLINE_SECONDS * 4)
KEEP_BODY = 4096
KEEP_CALLS = timedelta(days=30)
GIVE_UP = timedelta(days=5)  # of failures without a success
RESTS_AFTER = 5  # failures in a row
LONGEST_REST = timedelta(hours=1)
BUDGET_SECONDS = 20.0
IDLE_SECONDS = 0.5


class Claimed(NamedTuple):
    """A call that this worker has leased."""

    id: int
    uid: UUID
    type: str
    body: str
    attempt_count: int


class Tried(NamedTuple):
    """A call and what came of it; status 0 when nobody answered."""

    call: Claimed
    status: int
    answer: str
    milliseconds: int

    @property
    def delivered(self) -> bool:
        return 200 <= self.status < 300


# Tell


def tell(batch: Sequence[Event]) -> int:
    """Queue a call for each event and each endpoint that wants to hear of it; how many."""
    endpoints = list(
        WebhookEndpoint.objects.enabled().filter(
            workspace__in={event.workspace_id for event in batch}
        )
    )
    wanted = [
        (endpoint, event)
        for event in batch
        for endpoint in endpoints
        if endpoint.workspace_id == event.workspace_id and wants(endpoint.types, type_of(event))
    ]
    data = _data([event for _, event in wanted])
    calls = [
        WebhookCall(
            workspace_id=event.workspace_id,
            endpoint=endpoint,
            event_id=event.id,
            subscriber_id=event.subscriber_id,
            type=type_of(event),
            body=_body(event, data[event.id], thin=endpoint.thin),
            due_at=clock.now(),
        )
        for endpoint, event in wanted
    ]
    return len(WebhookCall.objects.bulk_create(calls, ignore_conflicts=True))


def type_of(event: Event) -> str:
    """The webhook type of an event: its kind; custom ones carry their name."""
    return f"{event.kind}.{event.name}" if event.kind == kinds.CUSTOM else event.kind


def wants(types: Iterable[str], kind: str) -> bool:
    """Whether a subscription to `types` (`message.sent`, `message.*`, `*`) includes `kind`."""
    return any(
        each in ("*", kind) or (each.endswith(".*") and kind.startswith(each[:-1]))
        for each in types
    )


def _data(events: Sequence[Event]) -> dict[int, dict[str, Any]]:
    """The `data` of each event, by its id."""
    people = Subscriber.objects.in_bulk({event.subscriber_id for event in events} - {None})
    of_sources = {event.source_id for event in events}
    sources = {
        (source.kind, source.source_id): source.name
        for source in Source.objects.filter(source_id__in=of_sources)
    }
    return {
        event.id: {
            "event_id": event.public_id,
            "workspace": ids.encode("wsp", event.workspace.uid),
            "subscriber": _person(people.get(event.subscriber_id or 0)),
            "source": _source(event, sources),
            "verdict": event.verdict or None,
            "occurred_at": event.occurred_at.isoformat(),
            "properties": event.shown,
        }
        for event in events
    }


def _person(subscriber: Subscriber | None) -> dict[str, Any] | None:
    if subscriber is None:
        return None
    return {
        "id": subscriber.public_id,
        "email": subscriber.email,
        "first_name": subscriber.first_name,
        "last_name": subscriber.last_name,
    }


def _source(event: Event, names: Mapping[tuple[str, int], str]) -> dict[str, Any] | None:
    name = names.get((event.source_kind, event.source_id))
    return {"kind": event.source_kind, "name": name, "step": event.step_key} if name else None


def _body(event: Event, data: dict[str, Any], *, thin: bool) -> str:
    if thin:
        person = data["subscriber"] and {"id": data["subscriber"]["id"]}
        data = {"event_id": data["event_id"], "workspace": data["workspace"], "subscriber": person}
    return services.body_of(type_of(event), data, at=event.recorded_at)


# Claim, POST, record


def deliver(*, seconds: float = BUDGET_SECONDS) -> int:
    """Make the calls that are due, for about `seconds`; how many tries it were."""
    return async_to_sync(_deliver)(time.monotonic() + seconds)


async def _deliver(until: float) -> int:
    """Serve each endpoint with something due by a task of its own, until all of them are idle."""
    served: dict[int, asyncio.Task[int]] = {}
    idle, tried = set[int](), 0
    while True:
        room = ENDPOINTS - len(served) if time.monotonic() < until else 0
        for endpoint in await _due_endpoints(room, without=idle | served.keys()):
            served[endpoint.pk] = asyncio.create_task(_serve(endpoint, until))
        if not served:
            return tried
        await asyncio.wait(served.values(), timeout=IDLE_SECONDS)
        for pk in [pk for pk, task in served.items() if task.done()]:
            tried += served.pop(pk).result()
            idle.add(pk)  # the next tick asks again


@sync_to_async
def _due_endpoints(count: int, *, without: Set[int]) -> list[WebhookEndpoint]:
    found = WebhookEndpoint.objects.callable(clock.now()).exclude(pk__in=without)
    return list(found.order_by("pk")[:count])


async def _serve(endpoint: WebhookEndpoint, until: float) -> int:
    """Call one endpoint until nothing is due or it has to rest; how many tries it were."""
    tried = 0
    while time.monotonic() < until:
        claimed = await _claim(endpoint)
        if not claimed:
            break
        results = await asyncio.gather(*(_try(endpoint, call) for call in claimed))
        tried += len(results)
        if not await sync_to_async(record)(endpoint, results):
            break
    return tried


@sync_to_async
def _claim(endpoint: WebhookEndpoint) -> list[Claimed]:
    """A failing endpoint gets one call, to see whether it is back."""
    limit = 1 if endpoint.failure_count >= RESTS_AFTER else AT_ONCE
    query = {
        "endpoint_id": endpoint.pk,
        "now": clock.now(),
        "limit": limit,
        "lease": LEASE,
        "patience": PATIENCE,
    }
    return [Claimed._make(row) for row in sql.fetch("delivery", "claim_calls", query)]


async def _try(endpoint: WebhookEndpoint, call: Claimed) -> Tried:
    began = time.monotonic()
    try:
        body = call.body.encode()
        headers = signed_headers(endpoint, call.uid, body, now=clock.now())
        answer = await http.post(endpoint.url, content=body, headers=headers)
    except (http.Forbidden, http.Unreachable) as error:
        return Tried(call, 0, str(error), round((time.monotonic() - began) * 1000))
    shown = answer.body[:KEEP_BODY].decode(errors="replace").replace("\0", "�")
    return Tried(call, answer.status, shown, answer.milliseconds)


def signed_headers(
    endpoint: WebhookEndpoint, uid: UUID, body: bytes, *, now: datetime
) -> dict[str, str]:
    """The headers of a call; during a rotation it is signed with the old secret as well."""
    message_id, timestamp = ids.encode(WebhookCall.prefix, uid), str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    secrets = [endpoint.secret]
    if (
        endpoint.old_secret
        and endpoint.rotated_at
        and now < endpoint.rotated_at + services.ROTATION
    ):
        secrets.append(endpoint.old_secret)
    return {
        "Content-Type": "application/json",
        "User-Agent": "emailseq-webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: Secret, signed: bytes) -> str:
    key = b64decode(secret.reveal().removeprefix(services.SECRET_PREFIX))
    return f"v1,{b64encode(digest(key, signed, 'sha256')).decode()}"


@transaction.atomic
def record(endpoint: WebhookEndpoint, results: Sequence[Tried]) -> bool:
    """Write down what came of some calls. False when the endpoint is to be left alone for now."""
    now = clock.now()
    WebhookAttempt.objects.bulk_create(
        WebhookAttempt(
            call_id=each.call.id,
            at=now,
            status=each.status,
            answer=each.answer,
            milliseconds=each.milliseconds,
        )
        for each in results
    )
    for each in results:
        _move(each, now=now)
    locked = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    _note_health(locked, results, now=now)
    endpoint.failure_count = locked.failure_count
    return locked.rests_until is None and locked.state == EndpointState.ENABLED


def _move(tried: Tried, *, now: datetime) -> None:
    row = WebhookCall.objects.filter(pk=tried.call.id)
    tries = tried.call.attempt_count
    if tried.delivered:
        state.move(row, CALL_MOVES["deliver"], leased_until=None, finished_at=now)
    elif tries > len(RETRIES):
        state.move(row, CALL_MOVES["fail"], leased_until=None, finished_at=now)
    else:
        row.update(leased_until=None, due_at=now + RETRIES[tries - 1] * uniform(0.8, 1.2))  # noqa: S311


def _note_health(endpoint: WebhookEndpoint, results: Sequence[Tried], *, now: datetime) -> None:
    if any(each.delivered for each in results):
        endpoint.succeeded_at, endpoint.failing_since = now, None
        endpoint.failure_count, endpoint.rests_until = 0, None
    else:
        endpoint.failing_since = endpoint.failing_since or now
        endpoint.failure_count += len(results)
        endpoint.rests_until = _rest(endpoint.failure_count, now)
    endpoint.save(update_fields=["succeeded_at", "failing_since", "failure_count", "rests_until"])
    if any(each.status == 410 for each in results):
        services.give_up(endpoint, "It answered 410 Gone.")
    elif endpoint.failing_since and now - endpoint.failing_since > GIVE_UP:
        services.give_up(endpoint, f"It has failed for {GIVE_UP.days} days.")


def _rest(failures: int, now: datetime) -> datetime | None:
    """Until when an endpoint rests after so many failures in a row: 5 s, doubling to an hour."""
    if failures < RESTS_AFTER:
        return None
    seconds = 5 * 2 ** min(failures - RESTS_AFTER, 20)
    return now + min(timedelta(seconds=seconds), LONGEST_REST)


def forget() -> int:
    """Delete calls, with their attempts, that are older than 30 days and finished; how many."""
    old = WebhookCall.objects.filter(created_at__lt=clock.now() - KEEP_CALLS)
    some = old.exclude(finished_at=None).order_by("created_at").values("pk")[:5000]
    return WebhookCall.objects.filter(pk__in=list(some.values_list("pk", flat=True))).delete()[0]
