"""A/B tests of campaigns: set up, counted, judged and, by the numbers or by hand, decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from string import ascii_lowercase
from typing import Any, NamedTuple

from django.db import transaction

from accounts import audit
from accounts.audit import SYSTEM, Actor
from analytics.numbers import numbers_by_variant
from campaigns import kinds, trials
from campaigns.models import Campaign, Trial, Variant
from campaigns.states import CAMPAIGN_MOVES, CampaignState, Metric, Otherwise
from delivery import sources
from delivery.models import Outbox, SenderIdentity
from delivery.states import SourceKind
from emailseq.lib import clock, sql, state, text
from emailseq.lib.errors import Conflict, Invalid, Problem
from emailseq.lib.stats import Amounts
from templates_app import services as templates
from templates_app.models import Template, TemplateVersion

MOST = 5  # variants, the campaign itself among them
NOTHING = Amounts(0, 0, 0.0, 0.0)


@dataclass(frozen=True)
class Other:
    """In what a variant differs from the campaign; what is not given is as there."""

    subject: str = ""
    template: Template | None = None
    sender: SenderIdentity | None = None


@dataclass(frozen=True)
class Terms:
    """How a test is made; `Trial` says what each of these means."""

    sample_percent: int = 20
    metric: str = Metric.CLICK
    goal: str = ""
    amount_property: str = ""
    wait_minutes: int = 240
    minimum: int = 100
    otherwise: str = Otherwise.ASK


class Content(NamedTuple):
    """What the messages of a variant are made of."""

    template_version_id: int
    sender_id: int


@transaction.atomic
def set_trial(
    campaign: Campaign,
    *,
    variants: Sequence[Other],
    by: Actor,
    expected_revision: int,
    **terms: Any,
) -> Trial:
    """Test a draft against variants of it, by `Terms`; replaces an earlier set-up.

    Raises Invalid with all that is wrong with it, Stale, and StateConflict once it is scheduled.
    """
    sources.lock(campaign, expected_revision)
    told = Terms(**terms)
    if problems := [*_problems_of_terms(told), *_problems_of(campaign, variants)]:
        raise Invalid(problems)
    state.move_one(campaign, "update", CAMPAIGN_MOVES, revision=expected_revision + 1)
    campaign.variants.all().delete()
    others = zip(ascii_lowercase[1:], variants, strict=False)
    Variant.objects.bulk_create(
        Variant(
            campaign=campaign,
            key=key,
            subject=each.subject,
            template=each.template,
            sender=each.sender,
        )
        for key, each in others
    )
    trial, _ = Trial.objects.update_or_create(campaign=campaign, defaults=asdict(told))
    verb = "campaign.trial_set"
    audit.record(campaign.workspace_id, verb, by=by, on=campaign, changes=asdict(told))
    return trial


@transaction.atomic
def remove_trial(campaign: Campaign, *, by: Actor, expected_revision: int) -> Campaign:
    """Send a draft as it is, after all. Raises Stale and StateConflict as `set_trial` does."""
    sources.lock(campaign, expected_revision)
    state.move_one(campaign, "update", CAMPAIGN_MOVES, revision=expected_revision + 1)
    campaign.variants.all().delete()
    Trial.objects.filter(campaign=campaign).delete()
    audit.record(campaign.workspace_id, "campaign.trial_removed", by=by, on=campaign)
    return campaign


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
    if variant not in (known := keys_of(campaign)):
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


def keys_of(campaign: Campaign) -> list[str]:
    """The variants of a campaign with a test, the campaign itself first."""
    return [trials.FIRST, *(each.key for each in campaign.variants.all())]


def contents(campaign: Campaign) -> dict[str, Content]:
    """What is sent under each variant of a campaign whose content is frozen."""
    own = content_of(campaign)
    others = {
        each.key: Content(
            each.template_version_id or own.template_version_id, each.sender_id or own.sender_id
        )
        for each in campaign.variants.all()
    }
    return {trials.FIRST: own, **others}


def content_of(campaign: Campaign) -> Content:
    """What the campaign itself sends, once it is frozen."""
    if campaign.template_version_id is None:
        raise ValueError("The content of a draft is not frozen.")
    return Content(campaign.template_version_id, campaign.sender_id)


def won(campaign: Campaign) -> Content:
    """What the rest of a test was sent; the campaign's own content without a winner."""
    trial = Trial.objects.filter(campaign=campaign).first()
    return contents(campaign)[(trial.winner if trial else "") or trials.FIRST]


def freeze(campaign: Campaign, version: TemplateVersion, *, by: Actor) -> None:
    """Freeze what the variants say; `version` is what the campaign itself does. Raises Invalid."""
    for number, each in enumerate(campaign.variants.select_related("template")):
        try:
            each.template_version = _frozen(each, version, by=by)
        except Invalid as refused:
            raise _at(number, refused) from None
        each.save(update_fields=["template_version"])


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
    return {key: counted.get(key, NOTHING) for key in keys_of(campaign)}


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


def _frozen(variant: Variant, version: TemplateVersion, *, by: Actor) -> TemplateVersion:
    template = variant.template or version.template
    if variant.template:
        version = templates.publish(template, by=by, ways=[templates.WAY_OUT])
    if not variant.subject:
        return version
    return templates.freeze(template, subject=variant.subject, html=version.html, text=version.text)


def _problems_of_terms(terms: Terms) -> list[Problem]:
    limits = {
        "sample_percent": (1, 100),
        "wait_minutes": (1, 14 * 24 * 60),
        "minimum": (1, 1_000_000),
    }
    problems = [
        Problem(f"/{name}", "out_of_range", f"This is between {least} and {most}.")
        for name, (least, most) in limits.items()
        if not least <= getattr(terms, name) <= most
    ]
    if terms.metric != Metric.CLICK and not terms.goal:
        detail = "Name the custom event that is the goal, such as order_placed."
        problems.append(Problem("/goal", "required", detail))
    if terms.metric == Metric.REVENUE and not terms.amount_property:
        detail = "Name the property of that event which holds the amount, such as total."
        problems.append(Problem("/amount_property", "required", detail))
    return problems


def _problems_of(campaign: Campaign, variants: Sequence[Other]) -> list[Problem]:
    if not 1 <= len(variants) < MOST:
        detail = f"Besides the campaign itself there are 1 to {MOST - 1} variants."
        return [Problem("/variants", "out_of_range", detail)]
    problems, seen = list[Problem](), [_meant(campaign, Other())]
    for number, each in enumerate(variants):
        if _meant(campaign, each) in seen:
            detail = "This variant says the same as another one, or as the campaign."
            problems.append(Problem(f"/variants/{number}", "duplicate", detail))
        seen.append(_meant(campaign, each))
        problems += _problems_of_subject(campaign, each, number)
    return problems


def _problems_of_subject(campaign: Campaign, variant: Other, number: int) -> list[Problem]:
    if not variant.subject:
        return []
    try:
        text.check(subject=variant.subject)
        templates.check_subject(variant.template or campaign.template, variant.subject)
    except Invalid as refused:
        return _at(number, refused).errors
    return []


def _meant(campaign: Campaign, variant: Other) -> tuple[str, int, int]:
    template = variant.template or campaign.template
    sender = variant.sender or campaign.sender
    return variant.subject or template.subject, template.pk, sender.pk


def _at(number: int, refused: Invalid) -> Invalid:
    """The same faults, of that variant."""
    at = f"/variants/{number}"
    return Invalid([Problem(at + one.pointer, one.code, one.detail) for one in refused.errors])


def copied(campaign: Campaign) -> tuple[list[Other], Mapping[str, Any]] | None:
    """The test of a campaign, to set up another one with; None if it has none."""
    trial = Trial.objects.filter(campaign=campaign).first()
    if trial is None:
        return None
    others = [Other(each.subject, each.template, each.sender) for each in campaign.variants.all()]
    return others, {name: getattr(trial, name) for name in Terms.__dataclass_fields__}
