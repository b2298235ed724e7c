"""For pumps that died: what they held goes back to the outbox, to the ledger or into doubt."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from delivery import journal, outcomes
from delivery.models import Outbox
from delivery.services.messages import finish
from delivery.settlement import LAST_TRY, Settlement
from delivery.states import Outcome
from emailseq.lib import clock, sql
from subscribers import events

PATIENCE = timedelta(minutes=2)  # twice the deadline of a transaction


@transaction.atomic
def reap(limit: int = 5000) -> int:
    """Take over from pumps that died, and finish what was cancelled; how many rows it touched.

    Of a lease that ran out, what was not marked is due again; what was marked is in doubt unless
    the pump's journal knows better. What one pump after the other died of before anything was
    written has failed. Transactional messages in doubt are sent once more when no
    connection can hold them any longer.
    """
    tokens = [token for (token,) in sql.fetch("delivery", "dead_leases")]
    count = sum(_settle(token) + _give_up(token) for token in tokens)
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    for name in ("reap", "repeat_doubtful", "sweep_cancelled"):
        query = {"limit": limit, "patience": PATIENCE, "lease": lease}
        rows = sql.fetch("delivery", name, query)
        events.record_many(outcomes.news(rows))
        count += len(rows)
    sql.run("delivery", "forget_leases", {})
    return count


def _give_up(token: UUID) -> int:
    """A message that outlives its pumps again and again has failed; how many those are.

    No reply charges so many attempts: only pumps that die do.
    """
    held = Outbox.objects.filter(lease_token=token, wire_at=None, attempts__gt=LAST_TRY)
    deadly = [
        (pk, Outcome.FAILED, "its pumps died", "") for pk in held.values_list("pk", flat=True)
    ]
    return finish(deadly, token=token) if deadly else 0


def _settle(token: UUID) -> int:
    """What a dead pump knew of its messages, if its journal can be read; how many those are."""
    answers = journal.read(settings.WIRES_DIR, token)
    if answers is None:
        return 0
    settlement, now = Settlement(), clock.now()
    marked = Outbox.objects.filter(lease_token=token, doubt_at=None).exclude(wire_at=None)
    for message_id, attempts, queued_at in marked.values_list("id", "attempts", "queued_at"):
        if message_id not in answers:  # nothing of it was written
            settlement.put_back(message_id, now, refund=True)
        elif result := answers[message_id]:
            jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
            age = now - queued_at
            settlement.judge(result, attempts=attempts, now=now, jitter=jitter, age=age)
    for name, parameters in settlement.statements():
        query: dict[str, Any] = {**sql.packed(parameters), "token": token}
        rows = sql.fetch("delivery", name, query)
        events.record_many(outcomes.news(rows, failures=settlement.failures))
    transaction.on_commit(partial(journal.forget, settings.WIRES_DIR, token))
    return len(settlement.ids)
