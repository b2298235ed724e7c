"""Why did, or didn't, somebody get a campaign? Every gate and its answer, as of now."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns import audience, judging, trials, variants
from campaigns.models import Campaign, Trial
from delivery import explain
from delivery.explain import Gate
from delivery.states import SourceKind
from subscribers.models import Subscriber


def gates(subscriber: Subscriber, campaign: Campaign) -> list[Gate]:
    """Every gate on the way to the message of a campaign."""
    kind = SourceKind.CAMPAIGN.value
    return [
        *explain.gates(subscriber, kind, campaign.pk, consent_list=campaign.list),
        audience.gate(campaign, subscriber),
        *_trial(campaign, subscriber),
    ]


def _trial(campaign: Campaign, subscriber: Subscriber) -> Iterator[Gate]:
    """Whether they are tried with a variant, or wait for the one that wins."""
    trial = Trial.objects.filter(campaign=campaign).first()
    if trial is None:
        return
    who = campaign.pk, subscriber.pk
    if trials.is_sampled(*who, percent=trial.sample_percent):
        variant = trials.variant_of(*who, variants.keys_of(campaign)).upper()
        yield Gate("A/B test", True, f"in the sample: gets variant {variant}")
    elif trial.winner:
        yield Gate("A/B test", True, f"gets the winner, variant {trial.winner.upper()}")
    else:
        standing = judging.standing(campaign)
        stands = judging.STANDINGS[standing.state] if standing else ""
        yield Gate("A/B test", False, f"waits for the variant that wins. {stands}")
