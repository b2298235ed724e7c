"""What stops a campaign to more people than somebody means, or than one person may decide on.

Asked of people and programs that send or schedule; what was scheduled then starts by itself.
"""

from __future__ import annotations

from hashlib import sha256
from statistics import median

from django.db import transaction

from accounts.audit import Actor
from campaigns import audience, kinds
from campaigns.models import Approval, Campaign
from campaigns.states import CAMPAIGN_MOVES, CampaignState
from delivery import sources
from emailseq.lib import clock, state
from emailseq.lib.errors import AppError, Conflict

# An audience is unusual if it is larger than this, and so many times the largest before.
UNUSUAL, UNUSUAL_FROM = 3, 1000
SLACK = 1.1  # by so much an audience may have grown since somebody has looked at it
ASKED = ("user", "api_key")  # kinds of actors; the others do what people have decided


class ConfirmationNeeded(AppError):
    """So many people may be a mistake: the caller has to say how many they mean."""

    code = "confirmation_needed"


class ApprovalNeeded(AppError):
    """So many people are not for one person to decide on."""

    code = "approval_needed"


def largest_before(campaign: Campaign) -> int | None:
    """How many people the largest campaign of the workspace went to; None: it is the first."""
    before = Campaign.objects.of(campaign.workspace).exclude(started_at=None)
    return before.order_by("-recipient_count").values_list("recipient_count", flat=True).first()


def usual(campaign: Campaign) -> tuple[int, int] | None:
    """To how many people a campaign of the workspace goes usually, the middle of the last 20, and
    at most; None: it is the first."""
    before = (
        Campaign.objects.of(campaign.workspace).exclude(started_at=None).exclude(pk=campaign.pk)
    )
    sizes = list(before.order_by("-started_at").values_list("recipient_count", flat=True)[:20])
    return (round(median(sizes)), largest_before(campaign) or 0) if sizes else None


def is_unusual(campaign: Campaign, people: int) -> bool:
    """Whether so many people are much more than any campaign before went to."""
    largest = largest_before(campaign)
    return bool(largest) and people > UNUSUAL_FROM and people > UNUSUAL * (largest or 0)


def needs_second(campaign: Campaign, people: int) -> bool:
    """Whether so many people take a second person in this workspace."""
    limit = campaign.workspace.approval_above
    return limit is not None and people > limit


def holds(campaign: Campaign, *, people: int, by: Actor) -> bool:
    """Whether somebody else has approved what it is now, for no fewer people."""
    approval = Approval.objects.exclude(given_at=None).filter(campaign=campaign).first()
    if approval is None or approval.of != _content_of(campaign):
        return False
    is_own = by.kind == "user" and by.id == approval.given_by_id
    return not is_own and people <= approval.people * SLACK


def check(campaign: Campaign, *, by: Actor, expected: int | None) -> None:
    """Raises ConfirmationNeeded and ApprovalNeeded; `expected` is how many people `by` means."""
    if by.kind not in ASKED:
        return
    people = audience.count(campaign).recipients
    if expected is not None and people > expected * SLACK:
        said = f"It goes to {people} people now, not to {expected}: look at it again."
        raise ConfirmationNeeded(said, recipients=people)
    if expected is None and is_unusual(campaign, people):
        said = (
            f"It goes to {people} people; the largest campaign so far went to"
            f" {largest_before(campaign)}. Say that so many are meant."
        )
        raise ConfirmationNeeded(said, recipients=people)
    if needs_second(campaign, people) and not holds(campaign, people=people, by=by):
        limit = campaign.workspace.approval_above
        said = f"It goes to {people} people; above {limit} somebody else has to approve it."
        raise ApprovalNeeded(said, recipients=people, limit=limit)


@transaction.atomic
def request_approval(campaign: Campaign, *, by: Actor) -> Approval:
    """Ask for a second person to approve a draft as it is. Raises StateConflict past that."""
    sources.lock(campaign)
    _check_draft(campaign, "request approval")
    asked = {"asked_at": clock.now(), "asked_by": by.label[:254]}
    approval, _ = Approval.objects.update_or_create(campaign=campaign, defaults=asked)
    sources.record(campaign, kinds.CAMPAIGN_APPROVAL_REQUESTED, by=by)
    return approval


@transaction.atomic
def approve(campaign: Campaign, *, by: Actor) -> Approval:
    """Say yes to a draft as it is, and to whom it goes; somebody else then sends it.

    Raises StateConflict past a draft, and Conflict for a program, which cannot look at it.
    """
    sources.lock(campaign)
    _check_draft(campaign, "approve")
    if by.kind != "user":
        raise Conflict("Only a person can approve a campaign.")
    given = {
        "given_at": clock.now(),
        "given_by": by.label[:254],
        "given_by_id": by.id,
        "of": _content_of(campaign),
        "people": audience.count(campaign).recipients,
    }
    approval, _ = Approval.objects.update_or_create(campaign=campaign, defaults=given)
    sources.record(campaign, kinds.CAMPAIGN_APPROVED, by=by, people=given["people"])
    return approval


def standing(campaign: Campaign) -> str:
    """`approved`, `asked`, `outdated` (it has changed since somebody said yes), or nothing."""
    approval = getattr(campaign, "approval", None)
    if approval is None:
        return ""
    if approval.given_at and approval.of == _content_of(campaign):
        return "approved"
    return "outdated" if approval.given_at else "asked"


def _check_draft(campaign: Campaign, verb: str) -> None:
    if campaign.state != CampaignState.DRAFT:
        raise state.refusal(verb, CAMPAIGN_MOVES, state=campaign.state)


def _content_of(campaign: Campaign) -> str:
    """What it says to whom, as a digest: its own revision, and those of its templates."""
    templates = [
        campaign.template,
        *(each.template for each in campaign.variants.select_related("template") if each.template),
    ]
    known = [campaign.revision, *((row.pk, row.revision) for row in templates)]
    return sha256(repr(known).encode()).hexdigest()
