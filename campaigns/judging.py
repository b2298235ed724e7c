"""A/B tests of campaigns: counted, judged and, by the numbers or by hand, decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.audit import SYSTEM, Actor
from analytics.numbers import numbers_by_variant
from campaigns import kinds, trials, variants
from campaigns.models import Campaign, Trial
from campaigns.states import CAMPAIGN_MOVES, CampaignState, Metric, Otherwise
from delivery import sources
from delivery.models import Outbox
from delivery.states import SourceKind
from emailseq.lib import clock, sql, state
from emailseq.lib.errors import Conflict, Invalid
from emailseq.lib.stats import Amounts

NOTHING = Amounts(0, 0, 0.0, 0.0)

# How a test stands, in words.
STANDINGS = {
    "planned": _("Not begun."),
    "sampling": _("The sample is on its way."),
    "waiting": _("The sample has it; its time is not over."),
    "not_enough_data": _("Not enough data: no variant was sent often enough to tell."),
    "no_clear_winner": _("No clear winner: the difference may be chance."),
    "split": _("Everybody is in the sample: there is no rest to decide about."),
    "decided": _("Decided."),
}


@dataclass(frozen=True)
class Standing:
    """How the variants of a campaign do: as of now or, once it is decided, as of then."""

    trial: Trial
    tallies: Mapping[str, Amounts]
    state: str  # of STANDINGS


def standing(campaign: Campaign) -> Standing | None:
    """None if it has no test."""
    trial = Trial.objects.select_related("campaign").filter(campaign=campaign).first()
    if trial is None:
        return None
    counts = trial.counts.items()
    counted = {key: Amounts(*sums) for key, sums in counts} or tallies(campaign, trial)
    return Standing(trial, counted, _stands(trial, counted))


@transaction.atomic
def choose(campaign: Campaign, *, variant: str, by: Actor) -> Trial:
    """Send this variant to the rest of the audience, whatever the numbers say.

    Raises Invalid for no variant of it; Conflict without a test, while the sample is queued and
    when another one was chosen; StateConflict unless it is sending or paused.
    """
    sources.lock(campaign)
    trial = Trial.objects.select_for_update(no_key=True).filter(campaign=campaign).first()
    if trial is None:
        raise Conflict("This campaign has no A/B test.")
    if variant not in (known := variants.keys_of(campaign)):
        raise Invalid.field("variant", "invalid_choice", f"This must be one of {', '.join(known)}.")
    if trial.winner == variant:
        return trial
    if trial.winner:
        raise Conflict(f"The rest gets “{trial.winner}” already.")
    if campaign.state not in (CampaignState.SENDING, CampaignState.PAUSED):
        raise state.refusal("choose a variant", CAMPAIGN_MOVES, state=campaign.state)
    if trial.queued_at is None:
        raise Conflict("The sample is being queued; try again in a minute.")
    _promote(campaign, trial, variant, by=by)
    return trial


def judge_all() -> int:
    """Look at all tests whose sample has left; how many were decided."""
    running = Trial.objects.filter(campaign__state=CampaignState.SENDING, winner="")
    waiting = running.filter(campaign__filled_at=None).exclude(queued_at=None)
    return sum(_judge(pk) for pk in waiting.order_by("pk").values_list("pk", flat=True))


def tallies(campaign: Campaign, trial: Trial) -> dict[str, Amounts]:
    """What each variant has come to so far, by what the test is judged by."""
    if trial.metric == Metric.CLICK:
        found = numbers_by_variant(SourceKind.CAMPAIGN, campaign.pk)
        counted = {
            key: Amounts(min(each.clicked, each.sent), each.sent, 0.0, 0.0)
            for key, each in found.items()
        }
    else:
        asked = {"campaign_id": campaign.pk, "goal": trial.goal, "amount": trial.amount_property}
        counted = {key: Amounts(*sums) for key, *sums in sql.fetch("campaigns", "tally", asked)}
    return {key: counted.get(key, NOTHING) for key in variants.keys_of(campaign)}


@transaction.atomic
def _judge(trial_id: int) -> bool:
    """Look at one test; whether it was decided by that. Of two at once, one does it."""
    rows = Trial.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    trial = rows.select_related("campaign").filter(pk=trial_id, winner="").first()
    if trial is None or not _has_waited(trial):
        return False
    campaign = trial.campaign
    winner = trials.judge(trial.metric, tallies(campaign, trial), minimum=trial.minimum)
    if not winner and trial.otherwise == Otherwise.FIRST:
        winner = trials.FIRST
    if winner:
        _promote(campaign, trial, winner, by=SYSTEM)
    return bool(winner)


def _has_waited(trial: Trial) -> bool:
    """Whether the sample left so long ago; notes when it did."""
    now = clock.db_now()
    if trial.left_at is None:
        if Outbox.objects.filter(**trial.campaign.source, doubt_at=None).exists():
            return False
        trial.left_at = now
        trial.save(update_fields=["left_at"])
    return trial.left_at + timedelta(minutes=trial.wait_minutes) <= now


def _promote(campaign: Campaign, trial: Trial, variant: str, *, by: Actor) -> None:
    trial.counts = {key: [*tally] for key, tally in tallies(campaign, trial).items()}
    trial.winner, trial.decided_at, trial.decided_by = variant, clock.db_now(), by.label[:254]
    trial.save(update_fields=["counts", "winner", "decided_at", "decided_by"])
    kind = kinds.CAMPAIGN_VARIANT_PROMOTED
    sources.record(campaign, kind, by=by, variant=variant, counts=trial.counts)


def _stands(trial: Trial, counted: Mapping[str, Amounts]) -> str:
    if trial.winner:
        return "decided"
    if trial.campaign.started_at is None:
        return "planned"
    if trial.sample_percent == 100 and trial.queued_at:
        return "split"
    if trial.left_at is None:
        return "sampling"
    if trial.left_at + timedelta(minutes=trial.wait_minutes) > clock.now():
        return "waiting"
    least = min(each.trials for each in counted.values())
    return "not_enough_data" if least < trial.minimum else "no_clear_winner"
