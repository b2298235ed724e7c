"""The variants of a campaign: set up, frozen, and what is sent under each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from string import ascii_lowercase
from typing import Any, NamedTuple

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from campaigns import trials
from campaigns.models import Campaign, Trial, Variant
from campaigns.states import CAMPAIGN_MOVES, Metric, Otherwise
from delivery import sources
from delivery.models import SenderIdentity
from emailseq.lib import state, text
from emailseq.lib.errors import Invalid, Problem
from templates_app import services as templates
from templates_app.models import Template, TemplateVersion

MOST = 5  # variants, the campaign itself among them


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


PARTS = ("subject", "template", "sender")  # of an `Other`
TERMS = tuple(Terms.__dataclass_fields__)


class Meaning(NamedTuple):
    """What a variant says in all, by whom."""

    subject: str
    template: Template
    sender: SenderIdentity


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


def keys_of(campaign: Campaign) -> list[str]:
    """The variants of a campaign with a test, the campaign itself first."""
    return [trials.FIRST, *(each.key for each in campaign.variants.all())]


def described(campaign: Campaign) -> dict[str, Meaning]:
    """What each variant says: what is frozen, or else what would be sent now."""
    own = campaign.template_version or campaign.template
    meant = {trials.FIRST: Meaning(own.subject, campaign.template, campaign.sender)}
    for each in campaign.variants.select_related("template", "sender", "template_version"):
        template = each.template or campaign.template
        frozen = each.template_version
        subject = frozen.subject if frozen else each.subject or template.subject
        meant[each.key] = Meaning(subject, template, each.sender or campaign.sender)
    return meant


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


def _frozen(variant: Variant, version: TemplateVersion, *, by: Actor) -> TemplateVersion:
    if variant.template:
        version = templates.publish(variant.template, by=by, ways=[templates.WAY_OUT])
    return templates.freeze(version, subject=variant.subject) if variant.subject else version


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


def _meant(campaign: Campaign, variant: Other) -> Meaning:
    template = variant.template or campaign.template
    return Meaning(variant.subject or template.subject, template, variant.sender or campaign.sender)


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
    return others, {name: getattr(trial, name) for name in TERMS}
