"""A campaign is sent, or scheduled, by somebody who has looked at all that is odd about it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from campaigns import checklist, services
from campaigns.models import Campaign
from campaigns.states import CAMPAIGN_MOVES
from emailseq.lib.errors import AppError, Problem

_NUMBERS = re.compile(r"\d+")


class NotLookedAt(AppError):
    """Somebody has to look at these `warnings` first."""

    code = "not_looked_at"

    def __init__(self, warnings: Collection[Problem]) -> None:
        super().__init__("Tick what you have looked at.")
        self.warnings = list(warnings)


@dataclass(frozen=True)
class Plan:
    """When it leaves: at once, or as `services.schedule` takes it."""

    at: datetime | None = None
    local_time: bool = False
    best_time: bool = False
    spread_minutes: int = 0


def key_of(warning: Problem) -> str:
    """What a tick says of a warning: the same though its numbers have moved meanwhile."""
    said = _NUMBERS.sub("", f"{warning.code} {warning.pointer} {warning.detail}")
    return sha256(said.encode()).hexdigest()[:16]


def go(
    campaign: Campaign, *, plan: Plan, seen: Collection[str], expected_recipients: int, by: Actor
) -> bool:
    """Send it, or schedule it as planned; `seen` are the keys of the warnings that were ticked.

    False when somebody else just did. Raises NotLookedAt, and what the verbs do. The audit trail
    keeps which warnings somebody went on with.
    """
    warnings: list[Problem] = []
    if campaign.state in CAMPAIGN_MOVES["send"].sources:
        warnings = checklist.warnings(campaign)  # before anything is locked: it takes its time
    if unseen := [each for each in warnings if key_of(each) not in seen]:
        raise NotLookedAt(unseen)
    with transaction.atomic():
        done = _go(campaign, plan, expected_recipients, by)
        if done and warnings:
            said = {"warnings": [each.detail for each in warnings]}
            verb = "campaign.warnings_accepted"
            audit.record(campaign.workspace_id, verb, by=by, on=campaign, changes=said)
    return done


def _go(campaign: Campaign, plan: Plan, expected: int, by: Actor) -> bool:
    if plan.at is None:
        return services.send(campaign, by=by, expected_recipients=expected)
    when = {**asdict(plan), "at": plan.at}
    return services.schedule(campaign, by=by, expected_recipients=expected, **when)
