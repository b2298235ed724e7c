"""Who gets a campaign, and why the others on its list do not: said once, for fill and count."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from campaigns.states import Ignored
from delivery.explain import Gate
from delivery.models import Outbox, SendLedger
from delivery.states import Outcome, SourceKind
from subscribers.models import SegmentMember, Subscriber, Subscription, Suppression
from subscribers.states import SubscriptionState

# Why somebody on the list is left out; of several reasons the first counts.
REASONS = {
    "not_confirmed": _("Not confirmed on the list"),
    "archived": _("Archived"),
    "suppressed": _("Suppressed"),
    "not_failed": _("Was not failed by the campaign whose rest it is"),
    "not_ignored": _("Has paid attention to the campaign that is sent again, or never got it"),
    "not_in_segments": _("In none of the segments"),
    "on_excluded_list": _("On a list that is left out"),
    "in_excluded_segment": _("In a segment that is left out"),
    "had_excluded_campaign": _("Gets a campaign whose recipients are left out"),
}


@dataclass(frozen=True)
class Audience:
    """How many on the list would get a campaign now, and how many would not, by reason."""

    recipients: int
    left_out: dict[str, int]


def places(campaign: Campaign) -> QuerySet[Subscription]:
    """The places of all who get it, each person one.

    Once it has started nobody is added: whoever joins its list or a segment later does not count.
    Whoever leaves before their page is filled, or is left out by then, is not mailed.
    """
    rows = Subscription.objects.filter(list=campaign.list_id)
    return rows.filter(*_conditions(campaign).values())


def count(campaign: Campaign) -> Audience:
    """The audience as of now: everybody on the list is counted once."""
    reason = Case(
        *(When(~rule, then=Value(reason)) for reason, rule in _conditions(campaign).items()),
        default=Value(""),
    )
    on_list = Subscription.objects.filter(list=campaign.list_id)
    found = dict(on_list.values_list(reason).annotate(Count("id")).order_by())
    return Audience(
        recipients=found.pop("", 0), left_out={name: found.get(name, 0) for name in REASONS}
    )


def gate(campaign: Campaign, subscriber: Subscriber) -> Gate:
    """Whether what narrows the audience leaves somebody in and, if not, the reason."""
    place = Subscription.objects.filter(list=campaign.list_id, subscriber=subscriber)
    rules = _narrowing(campaign).items()
    reason = next(
        (name for name, rule in rules if place.exists() and not place.filter(rule).exists()), None
    )
    return Gate(
        "audience", reason is None, str(REASONS[reason]) if reason else "nothing leaves them out"
    )


def _conditions(campaign: Campaign) -> dict[str, Q]:
    """What must be so of a place for its person to get it, by the reason if it is not."""
    stops = Suppression.objects.filter(workspace=campaign.workspace_id)
    return {
        "not_confirmed": Q(state=SubscriptionState.CONFIRMED),
        "archived": Q(subscriber__archived_at=None),
        "suppressed": stops.stop_none("subscriber__address_key"),
        **_narrowing(campaign),
    }


def _narrowing(campaign: Campaign) -> dict[str, Q]:
    """What segments and exclusions ask of a place, likewise."""
    rules: dict[str, Q] = {}
    if campaign.rest_of_id:
        rules["not_failed"] = _finished([campaign.rest_of_id], Outcome.FAILED)
    if campaign.resend_of_id:
        rules["not_ignored"] = _ignored(campaign.resend_of_id, campaign.resend_to)
    if segments := [row.pk for row in campaign.segments.all()]:
        inside = _members(segments)
        if campaign.started_at:
            inside = inside.filter(entered_at__lte=campaign.started_at)
        rules["not_in_segments"] = Q(Exists(inside))
    if lists := [row.pk for row in campaign.excluded_lists.all()]:
        rules["on_excluded_list"] = ~Q(Exists(_confirmed(lists)))
    if segments := [row.pk for row in campaign.excluded_segments.all()]:
        rules["in_excluded_segment"] = ~Q(Exists(_members(segments)))
    if campaigns := [row.pk for row in campaign.excluded_campaigns.all()]:
        rules["had_excluded_campaign"] = ~(_finished(campaigns, Outcome.SENT) | _waiting(campaigns))
    return rules


def _members(segments: list[int]) -> QuerySet[SegmentMember]:
    return SegmentMember.objects.filter(segment__in=segments, subscriber=OuterRef("subscriber_id"))


def _confirmed(lists: list[int]) -> QuerySet[Subscription]:
    confirmed = Subscription.objects.filter(state=SubscriptionState.CONFIRMED)
    return confirmed.filter(list__in=lists, subscriber=OuterRef("subscriber_id"))


def _finished(campaigns: list[int], outcome: Outcome) -> Q:
    own = {"kind": SourceKind.CAMPAIGN, "source_id__in": campaigns}
    finished = SendLedger.objects.filter(**own, outcome=outcome)
    return Q(Exists(finished.filter(subscriber=OuterRef("subscriber_id"))))


def _ignored(campaign: int, what: str) -> Q:
    sent = SendLedger.objects.filter(kind=SourceKind.CAMPAIGN, source_id=campaign)
    sent = sent.filter(outcome=Outcome.SENT, clicked_at=None)
    if what == Ignored.NOT_OPENED:
        sent = sent.filter(opened_at=None)
    return Q(Exists(sent.filter(subscriber=OuterRef("subscriber_id"))))


def _waiting(campaigns: list[int]) -> Q:
    own = {"kind": SourceKind.CAMPAIGN, "source_id__in": campaigns}
    waiting = Outbox.objects.filter(**own, cancelled_at=None)
    return Q(Exists(waiting.filter(subscriber=OuterRef("subscriber_id"))))
