"""The verbs of webhook endpoints and their calls."""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import SYSTEM, Actor
from accounts.models import Workspace
from delivery.models import WebhookCall, WebhookCallQuerySet, WebhookEndpoint
from delivery.states import CALL_MOVES, ENDPOINT_MOVES, CallState
from emailseq.lib import clock, http, ids, state
from emailseq.lib.encrypted import Secret
from emailseq.lib.errors import Invalid
from subscribers import feed

SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret
ROTATION = timedelta(hours=24)
CONSUMER = "webhooks"
_TYPE = re.compile(r"\*|[a-z][a-z_]*\.(\*|[a-z][a-z0-9_]{0,63})")


@transaction.atomic
def create_endpoint(
    workspace: Workspace, *, url: str, types: Sequence[str], by: Actor, thin: bool = False
) -> tuple[WebhookEndpoint, str]:
    """Tell a URL what happens from now on; returns the endpoint and its secret, shown once.

    Raises Invalid for a URL that must not be called, and for types nobody records.
    """
    _check(url=url, types=types)
    if not WebhookEndpoint.objects.enabled().exists():
        feed.skip(CONSUMER)  # nobody has listened: what lies in the log is nobody's news
    plain = _new_secret()
    endpoint = WebhookEndpoint.objects.create(
        workspace=workspace, url=url, types=list(types), thin=thin, secret=Secret.of(plain)
    )
    audit.record(workspace, "webhook_endpoint.created", by=by, on=endpoint)
    return endpoint, plain


@transaction.atomic
def update_endpoint(endpoint: WebhookEndpoint, *, by: Actor, **changes: Any) -> WebhookEndpoint:
    """Change url, types or thin; calls that wait go to the new URL. Raises Invalid."""
    _check(**{name: value for name, value in changes.items() if name in ("url", "types")})
    for name, value in changes.items():
        setattr(endpoint, name, value)
    endpoint.save(update_fields=[*changes])
    audit.record(
        endpoint.workspace_id, "webhook_endpoint.updated", by=by, on=endpoint, changes=changes
    )
    return endpoint


@transaction.atomic
def delete_endpoint(endpoint: WebhookEndpoint, *, by: Actor) -> None:
    """Tell this URL nothing any more, and forget what it was told."""
    audit.record(endpoint.workspace_id, "webhook_endpoint.deleted", by=by, on=endpoint)
    endpoint.delete()


@transaction.atomic
def rotate_secret(endpoint: WebhookEndpoint, *, by: Actor) -> str:
    """Give it a new secret, shown once; calls are signed with the old one, too, for 24 hours."""
    plain = _new_secret()
    endpoint.old_secret, endpoint.secret = endpoint.secret, Secret.of(plain)
    endpoint.rotated_at = clock.now()
    endpoint.save(update_fields=["old_secret", "secret", "rotated_at"])
    audit.record(endpoint.workspace_id, "webhook_endpoint.secret_rotated", by=by, on=endpoint)
    return plain


@transaction.atomic
def disable_endpoint(endpoint: WebhookEndpoint, *, by: Actor, reason: str = "") -> bool:
    """Tell it nothing for now; what waits keeps waiting. False when it is disabled already."""
    disabled = state.move_one(endpoint, "disable", ENDPOINT_MOVES, disabled_reason=reason[:200])
    if disabled:
        changes = {"reason": reason} if reason else {}
        audit.record(
            endpoint.workspace_id,
            "webhook_endpoint.disabled",
            by=by,
            on=endpoint,
            changes=changes,
        )
    return disabled


@transaction.atomic
def enable_endpoint(endpoint: WebhookEndpoint, *, by: Actor) -> bool:
    """Tell it again what happens, and first what still waits. False when it is enabled."""
    if not WebhookEndpoint.objects.enabled().exists():
        feed.skip(CONSUMER)
    fresh: dict[str, Any] = {
        "failure_count": 0,
        "failing_since": None,
        "rests_until": None,
        "disabled_reason": "",
    }
    enabled = state.move_one(endpoint, "enable", ENDPOINT_MOVES, **fresh)
    if enabled:
        audit.record(endpoint.workspace_id, "webhook_endpoint.enabled", by=by, on=endpoint)
    return enabled


def give_up(endpoint: WebhookEndpoint, reason: str) -> None:
    """Disable an endpoint that does not answer any more."""
    disable_endpoint(endpoint, by=SYSTEM, reason=reason)


@transaction.atomic
def send_test(endpoint: WebhookEndpoint, *, by: Actor) -> WebhookCall:
    """Call it with the type `webhook.test`, which is never logged."""
    data = {"workspace": ids.encode("wsp", endpoint.workspace.uid), "asked_by": by.label}
    return call(endpoint, kind="webhook.test", data=data)


def call(
    endpoint: WebhookEndpoint,
    *,
    kind: str,
    data: Mapping[str, Any],
    subscriber_id: int | None = None,
) -> WebhookCall:
    """Queue one call that no event stands behind; it leaves with the caller's transaction."""
    [queued] = call_many(endpoint, kind=kind, calls=[(subscriber_id, data)])
    return queued


def call_many(
    endpoint: WebhookEndpoint,
    *,
    kind: str,
    calls: Iterable[tuple[int | None, Mapping[str, Any]]],
) -> list[WebhookCall]:
    """The same for several people, each with what is to be told."""
    now = clock.now()
    return WebhookCall.objects.bulk_create(
        WebhookCall(
            workspace_id=endpoint.workspace_id,
            endpoint=endpoint,
            subscriber_id=subscriber_id,
            type=kind,
            body=body_of(kind, data, at=now),
            due_at=now,
        )
        for subscriber_id, data in calls
    )


def body_of(kind: str, data: Mapping[str, Any], *, at: datetime) -> str:
    """The body of a call: what it is, when it happened, and the rest."""
    return json.dumps(
        {"type": kind, "timestamp": at.isoformat(), "data": data}, separators=(",", ":")
    )


@transaction.atomic
def replay(calls: WebhookCallQuerySet, *, by: Actor) -> int:
    """Make calls of one workspace again, with the same id and body; how many.

    One that waits for its next try is made now.
    """
    sample = calls.select_related("endpoint").first()
    if sample is None:
        return 0
    again = WebhookCall.objects.filter(pk__in=list(calls.values_list("pk", flat=True)))
    count = state.move(
        again, CALL_MOVES["replay"], due_at=clock.now(), attempt_count=0, finished_at=None
    )
    if count:
        changes = {"count": count}
        audit.record(
            sample.workspace_id,
            "webhook_calls.replayed",
            by=by,
            on=sample.endpoint,
            changes=changes,
        )
    return count


def replay_since(endpoint: WebhookEndpoint, *, since: datetime, by: Actor) -> int:
    """Make every call again that has failed since then; how many."""
    failed = WebhookCall.objects.filter(
        endpoint=endpoint, state=CallState.FAILED, created_at__gte=since
    )
    return replay(failed, by=by)


def _check(*, url: str | None = None, types: Sequence[str] | None = None) -> None:
    if url is not None:
        try:
            http.check(url)
        except http.Forbidden as error:
            raise Invalid.field("url", "url_forbidden", str(error)) from error
    if types is not None and not types:
        raise Invalid.field("types", "required", "Name a type, or “*” for all.")
    for kind in types or ():
        if not _TYPE.fullmatch(kind):
            detail = f"“{kind}” is no event type: e.g. message.sent, message.* or *."
            raise Invalid.field("types", "invalid_choice", detail)


def _new_secret() -> str:
    return SECRET_PREFIX + b64encode(secrets.token_bytes(32)).decode()
