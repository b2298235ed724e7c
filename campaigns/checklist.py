"""What stands in the way of a campaign, and what to look at twice before it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.db import transaction

from accounts.audit import SYSTEM
from campaigns import audience, services, variants
from campaigns.models import Campaign, Trial
from campaigns.states import CAMPAIGN_MOVES
from delivery import rehearsal
from delivery.models import SendingDomain
from emailseq.lib.errors import AppError, Invalid, Problem
from subscribers.models import Subscriber
from templates_app import review
from templates_app.lint import Checks

# An audience is unusual if it has so many times the people of the largest before.
UNUSUAL = 3


def check(campaign: Campaign) -> Checks:
    """All that would stop a campaign if it were sent now: it is begun, and that undone."""
    if campaign.state not in CAMPAIGN_MOVES["send"].sources:
        return Checks()
    blocks: list[Problem] = []
    with transaction.atomic():
        try:
            services.send(Campaign.objects.get(pk=campaign.pk), by=SYSTEM)
        except Invalid as refused:
            blocks = list(refused.errors)
        except AppError as refused:
            blocks = [Problem("", refused.code, refused.detail)]
        transaction.set_rollback(True)
    return Checks(blocks, warnings(campaign))


def warnings(campaign: Campaign) -> list[Problem]:
    """What may well be meant, and is worth a second look."""
    count = audience.count(campaign).recipients
    return [
        *_unusual(campaign, count),
        *_small_sample(campaign, count),
        *_unsigned(campaign),
        *_content(campaign, count),
    ]


def _content(campaign: Campaign, count: int) -> Iterator[Problem]:
    """What is odd about what it says, to those who would get it."""
    places = audience.places(campaign).values("subscriber")
    people = Subscriber.objects.filter(pk__in=places)
    found = [
        *review.warnings(campaign.template, to=people),
        *rehearsal.rehearse(campaign.template, people, count=count),
    ]
    for problem in found:
        yield replace(problem, pointer=f"/template{problem.pointer}")


def _unusual(campaign: Campaign, people: int) -> Iterator[Problem]:
    before = Campaign.objects.of(campaign.workspace).exclude(started_at=None)
    largest = before.order_by("-recipient_count").values_list("recipient_count", flat=True).first()
    if largest and people > UNUSUAL * largest:
        detail = f"It goes to {people} people; the largest campaign so far went to {largest}."
        yield Problem("/list", "larger_than_usual", detail)


def _small_sample(campaign: Campaign, people: int) -> Iterator[Problem]:
    """A test that asks for more messages of each variant than its sample has."""
    trial = Trial.objects.filter(campaign=campaign).first()
    if trial is None:
        return
    several = len(variants.keys_of(campaign))
    each = people * trial.sample_percent // 100 // several
    if each < trial.minimum:
        detail = (
            f"{trial.sample_percent} % of {people} people are about {each} for each of {several}"
            f" variants: none can win before {trial.minimum} of each were sent. Try them on more."
        )
        yield Problem("/trial/sample_percent", "sample_too_small", detail)


def _unsigned(campaign: Campaign) -> Iterator[Problem]:
    email = campaign.sender.email
    if not SendingDomain.objects.of(campaign.workspace).closest([email]):
        detail = f"No sending domain signs for {email}: mail like that is often taken for spam."
        yield Problem("/sender", "not_signed", detail)
