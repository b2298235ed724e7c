"""The verbs of consent and fields for many people at once: each by the statements of one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from psycopg.types.json import Jsonb

from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock, sql, state
from subscribers import events, fields, kinds
from subscribers.events import NewEvent
from subscribers.models import List, Subscription
from subscribers.services.consent import Consent, evidence_of
from subscribers.states import SUBSCRIPTION_MOVES, OptIn, SubscriptionState


@transaction.atomic
def subscribe_people(to: List, people: Collection[int], *, consent: Consent, by: Actor) -> int:
    """Put people of the list's workspace, by id, on it; how many were not there before.

    Like `subscribe`: they are pending on a double opt-in list, and who left stays left.
    """
    at_once = to.opt_in == OptIn.SINGLE
    now = clock.now()
    place = {
        "state": SubscriptionState.CONFIRMED if at_once else SubscriptionState.PENDING,
        "confirmed_at": now if at_once else None,
        **evidence_of(consent),
    }
    arguments = {"list_id": to.pk, "people": list(people), "now": now, **place}
    rows = sql.fetch("subscribers", "join_list", arguments)
    kind = kinds.SUBSCRIPTION_CONFIRMED if at_once else kinds.SUBSCRIPTION_PENDING
    return _record(kind, to, (pk for (pk,) in rows), by=by)


@transaction.atomic
def unsubscribe_people(
    from_list: List, people: Collection[int], *, by: Actor, reason: str = ""
) -> int:
    """Take people, by id, off a list; how many were on it."""
    sources = SUBSCRIPTION_MOVES["unsubscribe"].sources
    leaving = Subscription.objects.filter(
        list=from_list, subscriber__in=people, state__in=sources
    ).order_by("id")
    left = dict(leaving.select_for_update().values_list("pk", "subscriber_id"))
    rows = Subscription.objects.filter(pk__in=left)
    state.move(rows, SUBSCRIPTION_MOVES["unsubscribe"], unsubscribed_at=clock.now())
    kind = kinds.SUBSCRIPTION_UNSUBSCRIBED
    return _record(kind, from_list, left.values(), by=by, reason=reason)


@transaction.atomic
def set_field(
    workspace: Workspace, people: Collection[int], *, key: str, value: Any, by: Actor
) -> int:
    """Give people of the workspace, by id, this value of a custom field; None clears it.

    Returns for how many it was another. Raises Invalid for a value that the field does not take.
    """
    stored = fields.checked(workspace, {key: value})[key]
    now = clock.now()
    arguments = {
        "workspace_id": workspace.pk,
        "people": list(people),
        "key": key,
        "value": None if stored is None else Jsonb(stored),
        "now": now,
    }
    return events.record_many(
        NewEvent(
            *(workspace.pk, person, kinds.SUBSCRIBER_UPDATED, now),
            properties={"fields": ["fields"], "changed": {key: [before, stored]}, "by": by.kind},
        )
        for person, was in sql.fetch("subscribers", "set_field", arguments)
        for before in (None if was is None else json.loads(was),)
    )


def _record(kind: str, on: List, people: Iterable[int], *, by: Actor, **details: str) -> int:
    properties = {"list_id": on.pk, "by": by.kind, **details}
    now = clock.now()
    return events.record_many(
        NewEvent(on.workspace_id, person, kind, now, properties=properties) for person in people
    )
